"""Landing → accepted for a stream: what a batch does once, some ten times a second.

The order makes a kill harmless: take by rename, inspect, write the list, move, show the list. A
file is in landing, or in the folder of what is being taken, or in `accepted` and in a list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg

from assay.events.sinks import emit
from assay.intake.judge import JudgedFile, judge_files, move_judged
from assay.intake.landing import inspect_at_rest, refusal_event
from assay.intake.planning import slice_of
from assay.intake.rest import is_at_rest
from assay.intake.take import (
    Folders,
    give_back,
    landing_names,
    remove_taking,
    take_files,
    taken_files,
)
from assay.ledger import Delivery
from assay.ledger.refusals import record_refusals
from assay.ledger.stream_slices import known_content
from assay.settings import Settings
from assay.storage.objects import folders_in
from assay.streams.lists import Lists
from assay.streams.names import Stream

MOST_FILES = 500  # taken at once
MOST_LISTS = 50  # that may wait: what the query cannot keep up with stays in landing
Ask = Callable[[Callable[[psycopg.Connection[Any]], Any]], Any]


@dataclass
class Acceptance:
    """Takes the files of a stream for one holder; `ask` puts a question to the books.

    `listed` are the contents in lists that the books do not have yet, and `unshown` the lists of a
    round that was cut off, such as by a full disk.
    """

    settings: Settings
    stream: Stream
    epoch: int
    lists: Lists
    ask: Ask
    listed: set[str] = field(default_factory=set)
    unshown: list[Path] = field(default_factory=list)
    rounds: int = 0
    is_cut_off: bool = False

    @property
    def folders(self) -> Folders:
        settings = self.settings
        return Folders(
            taking=settings.accepted / "taking" / self.stream.name / str(self.epoch),
            accepted=settings.accepted,
            rejected=settings.rejected,
            duplicates=settings.archive / "duplicates",
            dry_run=False,
        )

    def round(self) -> int:
        """Take what is at rest, and list what of it is good; returns how many files were taken."""
        self.listed |= {each.slice_id for each in self.lists.show_moved(self.unshown)}
        self.unshown = []
        if self.lists.waiting() >= MOST_LISTS:
            return 0
        names = self._resting()
        if not names and not self.is_cut_off:
            return 0
        self.is_cut_off = True
        take_files(self.settings, self.stream.dataset, names, self.folders)
        judged = self._judge()
        accepted = [f.delivery for f in judged if f.delivery.verdict == "accepted"]
        self.unshown = self.lists.prepare(self._name, [slice_of(each) for each in accepted])
        self._refuse([f.delivery for f in judged if f.delivery.verdict != "accepted"])
        move_judged(judged)
        self.listed |= {each.slice_id for each in accepted}
        self.lists.show(self.unshown)
        self.unshown = []
        self.is_cut_off = False
        return len(judged)

    @property
    def _name(self) -> str:
        """Of the lists of a round: later ones sort behind, and Spark is told of each name once."""
        return f"{self.epoch:09d}-{self.rounds:09d}"

    def _refuse(self, refused: list[Delivery]) -> None:
        """Tell the books and people, before the files go: none is put away without a word."""
        if refused:
            name, epoch = self.stream.name, self.epoch
            self.ask(lambda connection: record_refusals(connection, name, epoch, refused))
        for delivery in refused:
            emit(refusal_event(delivery))

    def _resting(self) -> list[str]:
        folder = self.settings.landing / self.stream.dataset
        source = self.stream.bronze.source
        settle_seconds = source.settle_seconds if source else 0.0
        names = landing_names(self.settings, self.stream.dataset)
        return [*islice((n for n in names if is_at_rest(folder / n, settle_seconds)), MOST_FILES)]

    def _judge(self) -> list[JudgedFile]:
        self.rounds += 1
        taken = taken_files(self.folders, [self.stream.dataset])
        kept = inspect_at_rest(self.settings, taken, self.folders)
        found = [delivery for _, delivery in kept]
        return judge_files(
            [file for file, _ in kept],
            found,
            self._held(found),
            self.folders,
            f"{self.stream.name}/{self.epoch}-{self.rounds:09d}",
        )

    def _held(self, found: list[Delivery]) -> dict[tuple[str, str], str]:
        """Contents that are known already, and where from."""
        told = self._known({each.slice_id for each in found if each.verdict == "accepted"})
        return {(self.stream.dataset, slice_id): words for slice_id, words in told.items()}

    def _known(self, contents: set[str]) -> dict[str, str]:
        """Which of these the books or our lists have, and in words who that is."""
        dataset = self.stream.dataset
        listed = contents & self.listed  # before the books are asked: what leaves it is in them
        known = self.ask(lambda connection: known_content(connection, dataset, contents))
        told = dict.fromkeys(known, "a batch or a stream that has taken it")
        return told | dict.fromkeys(
            listed, f"stream {self.stream.name}, which is about to record it"
        )

    def adopt(self) -> None:
        """Go on with what earlier holders have left: their lists, and what they were taking."""
        self._list_left()
        root = self.settings.accepted / "taking" / self.stream.name
        for epoch in folders_in(root):
            if int(epoch) < self.epoch:
                self._give_back(int(epoch))

    def _list_left(self) -> None:
        left = {each.slice_id: each for each in self.lists.left(self.epoch)}
        known = self._known({*left}) if left else {}
        new = [each for slice_id, each in left.items() if slice_id not in known]
        if new:
            self.rounds += 1
            hidden = self.lists.prepare(self._name, new)
            self.listed |= {each.slice_id for each in new}
            self.lists.show(hidden)

    def _give_back(self, epoch: int) -> None:
        """Put what a holder was taking back into landing, where it is found again."""
        earlier = Acceptance(self.settings, self.stream, epoch, self.lists, self.ask)
        for file in taken_files(earlier.folders, [self.stream.dataset]):
            give_back(self.settings, file, earlier.folders)
        remove_taking(earlier.folders)

    def leave(self) -> None:
        """Give back what was taken and not judged, at the end."""
        self._give_back(self.epoch)

"""Records become safe as files in landing: one file of each kind for all requests of a group.

The order is what makes `kill -9` harmless, see docs/decisions/0030: spool and sync the file, write
the receipts, hand the file over, answer. Before the receipts nobody was told anything, and the file
goes; from then on it is handed over, by this process or by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from assay.errors import ObjectStoreError
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.failpoints import reach
from assay.gateway.commit import BEHIND_RETRY, NOT_SAFE, Made, Result
from assay.gateway.deliver import Deliverer, Spooled, drop, packed
from assay.gateway.files import File, fill_files, receipts_of, refusals_of
from assay.gateway.limits import Limits
from assay.gateway.records import Posted
from assay.ledger.receipts import Writes, has_receipts, write_receipts

PROBE, PROBE_SIZE = "probe", 64 << 10


@dataclass(frozen=True)
class Stuck:
    """Why the files of a dataset are not handed over, and until when that is not tried again."""

    why: str
    until: float


class ByFiles:
    """Hands groups over as files."""

    writes: Writes = "files"

    def __init__(self, deliverer: Deliverer, limits: Limits) -> None:
        self.deliverer, self.limits = deliverer, limits
        self.unsettled: list[Spooled] = []
        self.stuck: dict[str, Stuck] = {}
        self.shut: set[str] = set()  # datasets of which no file could be written

    def begin(self) -> None:
        """Look for what an earlier gateway has left. Raises OSError."""
        self.unsettled = [*self.deliverer.left_behind()]

    def settle(self, connection: psycopg.Connection[Any]) -> None:
        """Hand over what was promised, and drop what was not; of some datasets it may go on later.

        Raises the errors of Postgres.
        """
        waits = {each for each, stuck in self.stuck.items() if time.monotonic() < stuck.until}
        for file in [*self.unsettled]:
            if file.dataset in waits:
                continue
            is_promised = has_receipts(connection, file.name)
            settle = self.deliverer.hand_over if is_promised else _drop_all
            if not self._is_settled(file.dataset, [file], settle):
                waits.add(file.dataset)
            elif is_promised:
                emit(Progress(f"handed over {file.dataset}/{file.name}, which was promised before"))
        left = {file.dataset for file in self.unsettled}
        self.stuck = {dataset: each for dataset, each in self.stuck.items() if dataset in left}

    @property
    def trouble(self) -> str:
        """Why promised files are not in landing yet, and whose files cannot be written."""
        shut = [f"no file of {dataset} can be written" for dataset in sorted(self.shut)]
        return "; ".join([*(each.why for each in self.stuck.values()), *shut])

    def require(self) -> None:
        """Look whether files can be written by now: a disk says so only when it has taken one."""
        for dataset in sorted(self.shut):
            with suppress(OSError):
                drop(self.deliverer.spool(dataset, PROBE, bytes(PROBE_SIZE)))
                self.shut.discard(dataset)

    def hand_over(self, connection: psycopg.Connection[Any], group: Sequence[Posted]) -> Made:
        """The receipt of each request, or why it has none: a dataset may have a folder of its own
        that takes no files. Raises the errors of Postgres.
        """
        made: dict[int, Result] = {}
        files = []
        for file in fill_files(group, self.limits):
            if why := self._spool(file):
                made |= refusals_of(file, why)
            else:
                files.append(file)
        reach("gateway.spooled")
        receipts = {key: each for file in files for key, each in receipts_of(file).items()}
        write_receipts(connection, receipts.values())
        reach("gateway.written")
        for dataset in dict.fromkeys(file.target.dataset for file in files):
            ours = [file for file in files if file.target.dataset == dataset]
            spooled = [file.spooled for file in ours if file.spooled]
            if not self._is_settled(dataset, spooled, self.deliverer.hand_over):
                for file in ours:
                    made |= refusals_of(file, self.stuck[dataset].why)
        reach("gateway.handed_over")
        return receipts | made

    def close(self) -> None:
        """Nothing: what is not settled is on disk."""

    def _spool(self, file: File) -> str:
        """From here on the file is unsettled: the books decide, should anything go wrong.

        Why it is not written, if that is so.
        """
        dataset = file.target.dataset
        if dataset in self.stuck:
            return self.stuck[dataset].why
        try:
            content = packed(file.name, file.content())
            file.spooled = self.deliverer.spool(dataset, file.name, content)
        except OSError as error:
            emit(Progress(f"no file of {dataset} can be written: {error}"))
            self.shut.add(dataset)
            return NOT_SAFE
        self.shut.discard(dataset)
        self.unsettled.append(file.spooled)
        return ""

    def _is_settled(
        self, dataset: str, files: Sequence[Spooled], settle: Callable[[Sequence[Spooled]], None]
    ) -> bool:
        """Hand spooled files of a dataset over, or drop them: whether that is done."""
        try:
            settle(files)
        except (OSError, ObjectStoreError) as error:
            emit(Progress(f"files of {dataset} cannot be handed over: {error}"))
            why = f"files of {dataset} wait to be handed over; send the records again"
            self.stuck[dataset] = Stuck(why, time.monotonic() + BEHIND_RETRY)
            return False
        self.unsettled = [each for each in self.unsettled if each not in files]
        return True


def _drop_all(files: Sequence[Spooled]) -> None:
    for file in files:
        drop(file)

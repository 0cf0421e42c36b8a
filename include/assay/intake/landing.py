"""What a batch takes from landing: every file with its verdict, in steps that a retry completes."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

import psycopg

from assay.batch.run import Run
from assay.batch.states import ABANDONED
from assay.events.event import FileLeft, FileRefused, Progress
from assay.events.sinks import emit
from assay.intake.days import tell_days
from assay.intake.held import IsActive, describe_held, find_held
from assay.intake.judge import JudgedFile, describe, inspect_taken, judge_files, move_judged
from assay.intake.of_streams import claimable
from assay.intake.rest import is_open_for_writing, keep_resting, look_at
from assay.intake.returns import complete_return, return_files
from assay.intake.take import (
    Folders,
    TakenFile,
    clear_scratch,
    give_back,
    pending_files,
    remove_taking,
    take_files,
    taken_files,
)
from assay.ledger import Delivery, HeldFile, batch_holding, deliveries, record_deliveries
from assay.ledger.stream_slices import recorded_slices, streams_holding
from assay.settings import Settings


@dataclass
class Intake:
    """The deliveries that a batch has seen, and what it would have taken but did not.

    `left` counts the files that are still being written; `held` are those of batches that are
    stuck.
    """

    seen: list[Delivery] = field(default_factory=list)
    left: int = 0
    held: list[HeldFile] = field(default_factory=list)

    @property
    def takes_none(self) -> bool:
        return not any(delivery.verdict == "accepted" for delivery in self.seen)

    def summary(self, nothing_new: str) -> str:
        """One line for a person."""
        parts = [describe(self.seen) if self.seen else nothing_new]
        if self.left:
            verb = "file is" if self.left == 1 else "files are"
            parts.append(f"{self.left:,} {verb} still being written, left for the next run")
        return "; ".join([*parts, *([describe_held(self.held)] if self.held else [])])


@dataclass(frozen=True)
class Landing:
    """One batch at work in landing; its methods are the steps, in their order."""

    settings: Settings
    connection: psycopg.Connection[Any]
    run: Run
    folders: Folders
    is_active: IsActive

    def take_in(self) -> Intake:
        """Take, inspect, record and move; what an earlier attempt has recorded stands."""
        clear_scratch(self.folders)
        recorded = deliveries(self.connection, self.run.batch_id)
        if recorded:
            taken = taken_files(self.folders, self.run.datasets)
            of_streams = recorded_slices(self.connection, _contents(recorded))
            judged = _match_recorded(taken, recorded, of_streams)
            intake = Intake(recorded, held=self._held([]))
        else:
            intake, judged = self._take_and_judge()
        for delivery in (file.delivery for file in judged):
            if delivery.verdict != "accepted":
                emit(refusal_event(delivery))
        move_judged(judged)
        remove_taking(self.folders)
        return intake

    def _take_and_judge(self) -> tuple[Intake, list[JudgedFile]]:
        self._complete_returns()
        left = self._take()
        files, found, changed = self._inspect()
        if self._take_over(found):
            left = self._take()
            files, found, changed = self._inspect()
        held = self._held(found)
        stuck = {file.batch_id for file in held}
        holding = {
            content: f"batch {batch_id}, which holds it and has not ended"
            if batch_id in stuck
            else f"batch {batch_id}"
            for content, batch_id in self._holding(found).items()
        }
        holding = {**streams_holding(self.connection, _contents(found)), **holding}
        judged = judge_files(files, found, holding, self.folders, self.run.batch_id)
        seen = [*(file.delivery for file in judged), *claimable(self.connection, self.run)]
        if not self.folders.dry_run:
            record_deliveries(self.connection, self.run.batch_id, seen)
        return Intake(seen, left + changed, held), judged

    def _complete_returns(self) -> None:
        """Give back what a batch that was abandoned still has, because that was cut off."""
        abandoned = [file for file in self._held([]) if file.state == ABANDONED]
        for batch_id in dict.fromkeys(file.batch_id for file in abandoned):
            if not self.folders.dry_run:
                complete_return(self.settings, self.connection, batch_id)

    def _take(self) -> int:
        """Take what is at rest; returns how many files are not."""
        run = self.run
        pending = {
            dataset: pending_files(
                self.settings,
                dataset,
                run.params.landing_glob,
                run.only_day,
                patches=run.kind.replaces_rows,
            )
            for dataset in run.datasets
        }
        if run.only_day:
            for dataset, names in pending.items():
                glob = run.params.landing_glob
                tell_days(self.settings, dataset, glob, run.only_day, names)
        resting = keep_resting(self.settings, pending)
        for dataset, names in resting.items():
            take_files(self.settings, dataset, names, self.folders)
        return sum(map(len, pending.values())) - sum(map(len, resting.values()))

    def _inspect(self) -> tuple[list[TakenFile], list[Delivery], int]:
        """Inspect what was taken; what changes meanwhile goes back, and is counted."""
        taken = taken_files(self.folders, self.run.datasets)
        kept = inspect_at_rest(self.settings, taken, self.folders)
        return [f for f, _ in kept], [d for _, d in kept], len(taken) - len(kept)

    def _holding(self, found: list[Delivery]) -> dict[tuple[str, str], str]:
        return batch_holding(self.connection, _contents(found), besides=self.run.batch_id)

    def _take_over(self, found: list[Delivery]) -> bool:
        """Have stuck batches give their files back to a run that is there to let them pass.

        Only when nothing else is there to take: the reason of the override is about them then.
        """
        params = self.run.params
        is_new = bool({*_contents(found)} - self._holding(found).keys())
        is_new = is_new or bool(claimable(self.connection, self.run))
        if is_new or params.gate_policy != "override" or params.dry_run:
            return False
        held = self._held(found)
        why = f"{self.run.batch_id} takes its files over, with override: {params.override_reason}"
        for batch_id in dict.fromkeys(file.batch_id for file in held):
            return_files(self.settings, self.connection, batch_id, self.run.user, why)
            emit(Progress(f"took over the files of {batch_id}, which is ABANDONED now"))
        return bool(held)

    def _held(self, found: list[Delivery]) -> list[HeldFile]:
        return find_held(self.settings, self.connection, self.run, found, self.is_active)


def inspect_at_rest(
    settings: Settings, taken: list[TakenFile], folders: Folders
) -> list[tuple[TakenFile, Delivery]]:
    """Inspect what was taken; what changes meanwhile goes back to landing."""
    before = [look_at(file.path) for file in taken]
    kept = []
    for file, look, delivery in zip(taken, before, inspect_taken(taken), strict=True):
        if look_at(file.path) == look and not is_open_for_writing(file.path):
            kept.append((file, delivery))
            continue
        give_back(settings, file, folders)
        why = "was written to while it was taken"
        emit(FileLeft(file.dataset, file.source_file, why, was_taken=True))
    return kept


def _contents(found: list[Delivery]) -> list[tuple[str, str]]:
    return [(d.dataset, d.slice_id) for d in found if d.verdict == "accepted"]


def refusal_event(delivery: Delivery) -> FileRefused:
    return FileRefused(
        dataset=delivery.dataset,
        source_file=delivery.source_file,
        slice_id=delivery.slice_id,
        verdict=delivery.verdict,
        reason=delivery.reason,
    )


def _match_recorded(
    taken: list[TakenFile], recorded: list[Delivery], of_streams: Container[tuple[str, str]]
) -> list[JudgedFile]:
    """Find, for the files that an earlier attempt left behind, the verdicts it recorded.

    A slice of a stream may have the name of a file; what was taken from landing is never that.
    """
    slices_first = sorted(recorded, key=lambda d: (d.dataset, d.slice_id) not in of_streams)
    known = {(d.dataset, d.source_file): d for d in slices_first}
    return [JudgedFile(file, known[file.dataset, file.source_file]) for file in taken]

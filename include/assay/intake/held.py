"""Files that wait in a batch that is stuck, where a run that looks for them finds nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from assay.batch.run import Run
from assay.batch.states import ABANDONED
from assay.intake.take import batch_folders, is_asked_for, taken_files
from assay.ledger import Delivery, HeldFile, held_files, unended_batches
from assay.ledger.query import Connection
from assay.settings import Settings
from assay.storage.addresses import as_place
from assay.storage.objects import folders_in, stored

IsActive = Callable[[str], bool]


def find_held(
    settings: Settings,
    connection: Connection,
    run: Run,
    found: Sequence[Delivery],
    is_active: IsActive,
) -> list[HeldFile]:
    """Files that this run asks for, or whose content it found again, of batches that are stuck.

    `is_active` says of a run whether it is under way; the batch of one that is, is not stuck: a
    task that has failed is tried again, or was cleared.
    """
    goes_on = cache(is_active)
    contents = {(delivery.dataset, delivery.slice_id) for delivery in found}
    below = f"{settings.accepted}{os.sep}"
    judged = held_files(connection, run.pipeline, below, besides=run.batch_id)
    listed = {(file.batch_id, file.dataset, file.source_file): file for file in judged}
    for file in _never_judged(settings, connection, run):
        listed.setdefault((file.batch_id, file.dataset, file.source_file), file)
    return [
        file
        for file in listed.values()
        if ((file.dataset, file.slice_id) in contents or _is_asked_for(run, file))
        and (file.state == ABANDONED or not goes_on(file.run_id))
    ]


def _never_judged(settings: Settings, connection: Connection, run: Run) -> Iterator[HeldFile]:
    """What other batches have taken and were cut off before they recorded it."""
    taking = [name for name in folders_in(settings.accepted / "taking") if name != run.batch_id]
    for batch_id, run_id, state in unended_batches(connection, run.pipeline, taking):
        folders = batch_folders(settings, batch_id, dry_run=False)
        for taken in taken_files(folders, run.datasets):
            place = str(taken.path)
            yield HeldFile(batch_id, run_id, state, taken.dataset, "", taken.source_file, place)


def _is_asked_for(run: Run, file: HeldFile) -> bool:
    params = run.params
    landed = _mtime(file.location) if run.only_day else 0
    patches = run.kind.replaces_rows
    return is_asked_for(
        file.source_file, landed, params.landing_glob, run.only_day, patches=patches
    )


def _mtime(location: str) -> float:
    place = as_place(location)
    if isinstance(place, Path):
        return place.lstat().st_mtime if place.exists() else 0
    facts = stored(place)
    return facts.changed if facts else 0


def describe_held(held: Sequence[HeldFile]) -> str:
    """A few words such as `1 file is held by trades_2026-01-01_ab12cd34 (FAILED)`."""
    batches = ", ".join(dict.fromkeys(f"{file.batch_id} ({file.state})" for file in held))
    return f"{len(held):,} {'file is' if len(held) == 1 else 'files are'} held by {batches}"


def refusal_of(held: Sequence[HeldFile]) -> str:
    """Why a run that took nothing is no success, and the ways out."""
    batch_id = held[0].batch_id
    return (
        f"{describe_held(held)}, and nothing else was there to take; go on with `assay batch retry"
        f" {batch_id}`, or give its files back with `assay batch abandon {batch_id} --why '…'`, or"
        " trigger again with gate_policy=override and a reason, which takes them over"
    )

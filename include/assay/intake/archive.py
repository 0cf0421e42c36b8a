"""The last task of a batch: files whose content is released move to the archive.

The ledger alone says what is released; the age of a file says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from assay.batch.plan import Plan
from assay.batch.states import EMPTY, RUNNING
from assay.errors import BatchError
from assay.events.event import FilesArchived
from assay.events.sinks import emit
from assay.intake.filenames import fit_name
from assay.intake.moves import hold_files, is_copy, link_file, move_file, sync_folders
from assay.intake.survey import hash_file
from assay.ledger import batch_state, deliveries, set_batch_state
from assay.ledger.archived import ReleasedFile, record_locations, released_files
from assay.settings import Settings
from assay.storage.addresses import Place, as_place
from assay.storage.objects import exists, on_this_machine, remove
from assay.words import count


def archive_files(settings: Settings, connection: psycopg.Connection[Any], plan: Plan) -> int:
    """Move the files of every published batch of the plan's pipeline; returns how many moved."""
    if plan.is_empty and batch_state(connection, plan.batch_id) == RUNNING:
        set_batch_state(connection, plan.batch_id, EMPTY)  # a task of it failed, and went on
    moved = archive_pipeline(settings, connection, plan.pipeline)
    emit(FilesArchived(moved))
    return moved


def archive_pipeline(settings: Settings, connection: psycopg.Connection[Any], pipeline: str) -> int:
    """Move the files of batches that were published, whatever became of the release since.

    An EMPTY batch has files without a record only, which wait for no release.
    Raises BatchError, after moving the others, when a file is in neither place.
    """
    with hold_files(settings, pipeline):
        released = released_files(connection, pipeline, f"{settings.accepted}{os.sep}")
        places = {file: _archive(settings, file) for file in released}
        sync_folders([*(place for place in places.values() if place), *_sources(released)])
        moved = {file: str(place) for file, place in places.items() if place}
        record_locations(connection, moved)
    lost = [file for file, place in places.items() if place is None]
    if lost:
        raise BatchError(
            f"{count(len(lost), 'file')} neither in accepted nor in the archive, first"
            f" {lost[0].location!r}, delivered as {lost[0].source_file!r};"
            " put the file back and clear archive_files"
        )
    return len(moved)


def _archive(settings: Settings, file: ReleasedFile) -> Place | None:
    """Move one file and return where it is now; None when it is nowhere."""
    source = as_place(file.location)
    wanted = settings.archive / file.hour / file.batch_id / file.source_file
    plain = wanted.with_name(fit_name(wanted.name))
    marked = wanted.with_name(fit_name(wanted.name, f".{file.sha256[:8]}"))
    if exists(source):
        place = marked if exists(plain) and not is_copy(source, plain) else plain
        move_file(source, place)
        return place
    for place in (plain, marked):  # an attempt that was cut off before it told the ledger
        if exists(place):
            with on_this_machine(place) as path:
                if path.is_file() and hash_file(path)[0] == file.sha256:
                    return place
    return None


def _sources(released: list[ReleasedFile]) -> list[Place]:
    return [as_place(file.location) for file in released]


@contextmanager
def accepted_files_in_place(
    connect: Callable[[], psycopg.Connection[Any]], plan: Plan
) -> Iterator[None]:
    """Lend the archived files of a batch to their accepted paths, for a task that runs again."""
    with connect() as connection:
        archived = {
            (d.dataset, d.slice_id, d.source_file): d.location
            for d in deliveries(connection, plan.batch_id)
        }
    lent: list[Place] = []
    try:
        for file in plan.slices:
            path = as_place(file.path)
            if not exists(path):
                link_file(as_place(archived[file.dataset, file.slice_id, file.source_file]), path)
                lent.append(path)
        yield
    finally:
        for path in lent:
            remove(path)

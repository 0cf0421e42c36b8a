"""The last task of a batch: files whose content is released move to the archive.

The ledger alone says what is released; the age of a file says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from assay.batch.inputs import Waiver
from assay.batch.plan import Plan
from assay.batch.states import ARCHIVED, EMPTY, RUNNING
from assay.errors import BatchError
from assay.events.event import FilesArchived
from assay.events.sinks import emit
from assay.intake.filenames import fit_name
from assay.intake.moves import hold_files, is_copy, link_file, move_file, sync_folders
from assay.intake.survey import hash_file
from assay.ledger import batch_state, deliveries, set_batch_state
from assay.ledger.query import fetch_all
from assay.settings import Settings
from assay.storage.addresses import Place, as_place
from assay.storage.objects import exists, on_this_machine, remove
from assay.words import count

RELEASED_FILES = """
    SELECT file.batch_id, file.dataset, file.slice_id, file.source_file, file.location,
           to_char(coalesce(released.at, batch.finished_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD-HH24')
    FROM ops.batch_slice AS file
    JOIN ops.batch AS batch USING (batch_id)
    LEFT JOIN (
        SELECT batch_id, min(released_at) AS at FROM ops.release GROUP BY batch_id
    ) AS released USING (batch_id)
    WHERE batch.pipeline = %s AND batch.state = ANY(%s)
      AND file.verdict = 'accepted'
      AND starts_with(file.location, %s)
    ORDER BY file.batch_id, file.source_file, file.slice_id
"""


@dataclass(frozen=True)
class ReleasedFile:
    """An accepted file of a batch that has ended well; `hour` is when that was, in UTC."""

    batch_id: str
    dataset: str
    slice_id: str
    source_file: str
    location: str
    hour: str


def archive_files(settings: Settings, connection: psycopg.Connection[Any], plan: Plan) -> int:
    """Move the files of every published batch of the plan's pipeline; returns how many moved."""
    is_idle = not (plan.has_work or isinstance(plan.input, Waiver))
    if is_idle and batch_state(connection, plan.batch_id) == RUNNING:
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
        parameters = [pipeline, [*ARCHIVED], f"{settings.accepted}{os.sep}"]
        rows = fetch_all(connection, RELEASED_FILES, parameters)
        released = [ReleasedFile(*row) for row in rows]
        places = {file: _archive(settings, file) for file in released}
        sync_folders([*(place for place in places.values() if place), *_sources(released)])
        moved = {file: place for file, place in places.items() if place}
        _record(connection, moved)
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
    marked = wanted.with_name(fit_name(wanted.name, f".{file.slice_id[:8]}"))
    if exists(source):
        place = marked if exists(plain) and not is_copy(source, plain) else plain
        move_file(source, place)
        return place
    for place in (plain, marked):  # an attempt that was cut off before it told the ledger
        if exists(place):
            with on_this_machine(place) as path:
                if path.is_file() and hash_file(path)[0] == file.slice_id:
                    return place
    return None


def _record(connection: psycopg.Connection[Any], moved: dict[ReleasedFile, Place]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE ops.batch_slice SET location = %s"
            " WHERE batch_id = %s AND dataset = %s AND slice_id = %s AND source_file = %s",
            [
                (str(place), file.batch_id, file.dataset, file.slice_id, file.source_file)
                for file, place in moved.items()
            ],
        )


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

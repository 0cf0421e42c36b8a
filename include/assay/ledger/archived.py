"""Delivered files after their batch: where they lie, and which of them may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.batch.states import ARCHIVED, EMPTY, PUBLISHED
from assay.ledger.query import Connection, fetch_all
from assay.ledger.spent import BUILT_UPON, GONE

RELEASED_FILES = """
    SELECT file.batch_id, file.dataset, file.slice_id, file.source_file, file.location,
           to_char(coalesce(released.at, batch.finished_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD-HH24'),
           coalesce(recorded.sha256, file.slice_id)
    FROM ops.batch_slice AS file
    JOIN ops.batch AS batch USING (batch_id)
    LEFT JOIN (
        SELECT batch_id, min(released_at) AS at FROM ops.release GROUP BY batch_id
    ) AS released USING (batch_id)
    LEFT JOIN ops.stream_slice AS recorded USING (dataset, slice_id)
    WHERE batch.pipeline = %s AND batch.state = ANY(%s)
      AND file.verdict = 'accepted'
      AND starts_with(file.location, %s)
      -- What a stream has recorded, and a rollback gave back, waits for another batch.
      AND (batch.is_live OR recorded.slice_id IS NULL OR recorded.released_by = batch_id)
    ORDER BY file.batch_id, file.source_file, file.slice_id
"""
OLD_FILES = f"""
    SELECT batch.pipeline, file.batch_id, file.dataset, file.slice_id, file.source_file,
           file.location
    FROM ops.batch_slice AS file JOIN ops.batch AS batch USING (batch_id)
    WHERE file.dataset = %(dataset)s AND file.removed_at IS NULL
      AND starts_with(file.location, %(archive)s)
      AND file.seen_at < clock_timestamp() - make_interval(days => %(days)s)
      AND (file.verdict = 'duplicate' OR batch.state = %(empty)s
           OR batch.state = %(published)s AND {BUILT_UPON})
    ORDER BY file.batch_id, file.location
"""  # noqa: S608  # constants of our own


@dataclass(frozen=True)
class ReleasedFile:
    """An accepted file of a batch that has ended well; `hour` is when that was, in UTC.

    `sha256` is that of its bytes.
    """

    batch_id: str
    dataset: str
    slice_id: str
    source_file: str
    location: str
    hour: str
    sha256: str


@dataclass(frozen=True)
class OldFile:
    """A file in the archive that nothing needs any more."""

    pipeline: str
    batch_id: str
    dataset: str
    slice_id: str
    source_file: str
    location: str


def released_files(connection: Connection, pipeline: str, folder: str) -> list[ReleasedFile]:
    """Files below the folder of the pipeline's batches that were published, or ended EMPTY."""
    rows = fetch_all(connection, RELEASED_FILES, [pipeline, [*ARCHIVED], folder])
    return [ReleasedFile(*row) for row in rows]


def record_locations(connection: Connection, moved: Mapping[ReleasedFile, str]) -> None:
    """Record where files have moved to, all of them or none."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE ops.batch_slice SET location = %s"
            " WHERE batch_id = %s AND dataset = %s AND slice_id = %s AND source_file = %s",
            [
                (location, file.batch_id, file.dataset, file.slice_id, file.source_file)
                for file, location in moved.items()
            ],
        )


def old_files(connection: Connection, dataset: str, folder: str, days: int) -> list[OldFile]:
    """Files of the dataset below the folder that came `days` ago or earlier, and may go."""
    states = {"empty": EMPTY, "published": PUBLISHED, **GONE}
    asked = {"dataset": dataset, "archive": folder, "days": days, **states}
    return [OldFile(*row) for row in fetch_all(connection, OLD_FILES, asked)]


def record_removal(connection: Connection, file: OldFile) -> None:
    """Record that a file is gone."""
    connection.execute(
        "UPDATE ops.batch_slice SET removed_at = clock_timestamp()"
        " WHERE batch_id = %s AND dataset = %s AND slice_id = %s AND source_file = %s",
        [file.batch_id, file.dataset, file.slice_id, file.source_file],
    )

"""Releases, written by the transaction that publishes a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from assay.errors import BatchError
from assay.ledger.query import Connection, as_json, fetch_all, fetch_value


@dataclass(frozen=True)
class Release:
    """What readers saw from `released_at` on, by table: version in Delta, rows, sums of money.

    `content` is, by dataset, the digest of what the batch brought.
    """

    release_id: int
    pipeline: str
    batch_id: str
    epoch: int
    generation: int
    versions: dict[str, int]
    counts: dict[str, int]
    sums: dict[str, dict[str, str]]
    content: dict[str, str]
    released_at: datetime


COLUMNS = ", ".join(field.name for field in fields(Release))


def find_release(
    connection: Connection, batch_id: str, versions: Mapping[str, int]
) -> Release | None:
    """The release of this batch from exactly these table versions, if there is one that stands."""
    rows = fetch_all(
        connection,
        f"SELECT {COLUMNS} FROM ops.release"  # noqa: S608  # names of our own
        " WHERE batch_id = %s AND versions = %s AND rolled_back_by IS NULL",
        [batch_id, as_json(versions)],
    )
    return Release(*rows[0]) if rows else None


def release_of(connection: Connection, release_id: int | None) -> Release | None:
    """One release by its number; None for none."""
    rows = fetch_all(
        connection,
        f"SELECT {COLUMNS} FROM ops.release WHERE release_id = %s",  # noqa: S608  # own names
        [release_id],
    )
    return Release(*rows[0]) if rows else None


def standing_releases(connection: Connection, pipeline: str) -> list[Release]:
    """Releases of a pipeline that were not rolled back, oldest first."""
    rows = fetch_all(
        connection,
        f"SELECT {COLUMNS} FROM ops.release"  # noqa: S608  # names of our own
        " WHERE pipeline = %s AND rolled_back_by IS NULL ORDER BY release_id",
        [pipeline],
    )
    return [Release(*row) for row in rows]


def untold_releases(connection: Connection, pipeline: str) -> list[Release]:
    """Releases that no publish has told of, oldest first.

    It tells of them by its success, and keeps them in its metrics. One that was cut off after its
    COMMIT has not; nor has the first task of a run, which releases what it finds committed.
    """
    rows = fetch_all(
        connection,
        f"""
        SELECT {COLUMNS} FROM ops.release
        WHERE pipeline = %(pipeline)s AND rolled_back_by IS NULL AND release_id > coalesce((
            SELECT max((told ->> 'release_id')::bigint)
            FROM ops.batch_task JOIN ops.batch USING (batch_id),
                 jsonb_array_elements(metrics -> 'releases') AS told
            WHERE pipeline = %(pipeline)s AND task_id = 'publish' AND batch_task.state = 'SUCCESS'
        ), 0)
        ORDER BY release_id
        """,  # noqa: S608  # names of our own
        {"pipeline": pipeline},
    )
    return [Release(*row) for row in rows]


def record_release(
    connection: Connection,
    *,
    pipeline: str,
    batch_id: str,
    epoch: int,
    generation: int,
    versions: Mapping[str, int],
    counts: Mapping[str, int],
    sums: Mapping[str, Mapping[str, str]],
    content: Mapping[str, str],
) -> Release:
    """Write the release row and return it."""
    rows = fetch_all(
        connection,
        "INSERT INTO ops.release"  # noqa: S608  # names of our own
        " (pipeline, batch_id, epoch, generation, versions, counts, sums,"
        " content) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        f" RETURNING {COLUMNS}",
        [
            pipeline,
            batch_id,
            epoch,
            generation,
            as_json(versions),
            as_json(counts),
            as_json(sums),
            as_json(content),
        ],
    )
    return Release(*rows[0])


def pipeline_of_release(connection: Connection, release_id: int | None) -> str:
    """Raises BatchError for an unknown release."""
    query = "SELECT pipeline FROM ops.release WHERE release_id = %s"
    pipeline: str | None = fetch_value(connection, query, [release_id])
    if pipeline is None:
        raise BatchError(f"release {release_id}: no such release; see `assay release list`")
    return pipeline


def versions_of_releases(
    connection: Connection,
) -> list[tuple[str, datetime, dict[str, int]]]:
    """Pipeline, time and table versions of every release, oldest first."""
    rows = fetch_all(
        connection,
        "SELECT pipeline, released_at, versions FROM ops.release ORDER BY release_id",
        [],
    )
    return [(pipeline, released_at, versions) for pipeline, released_at, versions in rows]

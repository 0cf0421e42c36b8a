"""Releases and the row ledger, written by the transaction that publishes a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.ledger.query import Connection, as_json, fetch_all

COLUMNS = (
    "release_id, pipeline, batch_id, epoch, generation,"
    " versions, counts, sums, content, released_at"
)


def find_release(
    connection: Connection, batch_id: str, versions: Mapping[str, int]
) -> dict[str, Any] | None:
    """The release of this batch from exactly these table versions, if there is one."""
    rows = fetch_all(
        connection,
        f"SELECT {COLUMNS} FROM ops.release"  # noqa: S608  # names of our own
        " WHERE batch_id = %s AND versions = %s",
        [batch_id, as_json(versions)],
    )
    return dict(zip(COLUMNS.split(", "), rows[0], strict=True)) if rows else None


def was_released(connection: Connection, batch_id: str) -> bool:
    """True when some commit of this batch has been released before."""
    return bool(
        fetch_all(connection, "SELECT FROM ops.release WHERE batch_id = %s LIMIT 1", [batch_id])
    )


def release_exists(connection: Connection, release_id: int, pipeline: str | None = None) -> bool:
    """Whether there is such a release, of this pipeline if one is named."""
    return bool(
        fetch_all(
            connection,
            "SELECT FROM ops.release WHERE release_id = %(release)s"
            " AND (%(pipeline)s::text IS NULL OR pipeline = %(pipeline)s)",
            {"release": release_id, "pipeline": pipeline},
        )
    )


def released_version(
    connection: Connection, table: str, as_of: int | None = None
) -> tuple[int, int] | None:
    """Release and Delta version of what readers saw of a table when `as_of` was the newest release.

    Without `as_of`, what they see now. None when no release up to then has the table.
    """
    rows = fetch_all(
        connection,
        "SELECT release_id, (versions ->> %(table)s)::bigint FROM ops.release"
        " WHERE versions ? %(table)s AND (%(as_of)s::bigint IS NULL OR release_id <= %(as_of)s)"
        " ORDER BY release_id DESC LIMIT 1",
        {"table": table, "as_of": as_of},
    )
    return (rows[0][0], rows[0][1]) if rows else None


def released_tables(connection: Connection, release_id: int) -> list[str]:
    """The tables whose versions a release names."""
    rows = fetch_all(
        connection,
        "SELECT jsonb_object_keys(versions) FROM ops.release WHERE release_id = %s ORDER BY 1",
        [release_id],
    )
    return [table for (table,) in rows]


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
) -> dict[str, Any]:
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
    return dict(zip(COLUMNS.split(", "), rows[0], strict=True))


def record_row_ledger(
    connection: Connection,
    *,
    batch_id: str,
    dataset: str,
    generation: int,
    classes: Mapping[str, Mapping[str, int]],
) -> None:
    """Write what became of every record, per file; `classes` is keyed by file_id."""
    batch = {"batch_id": batch_id, "dataset": dataset, "generation": generation}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ops.row_ledger WHERE batch_id = %s AND dataset = %s", [batch_id, dataset]
        )
        cursor.executemany(
            """
            INSERT INTO ops.row_ledger (batch_id, dataset, generation, file_id, records,
                                        new, updated, duplicate, superseded, quarantined, settled)
            VALUES (%(batch_id)s, %(dataset)s, %(generation)s, %(file_id)s, %(records)s,
                    %(new)s, %(updated)s, %(duplicate)s, %(superseded)s, %(quarantined)s,
                    %(settled)s)
            """,
            [
                # A change set that an earlier version built does not tell how many were settled.
                {**batch, "settled": 0, **counts, "file_id": file_id}
                for file_id, counts in classes.items()
            ],
        )

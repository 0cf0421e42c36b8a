"""Releases and the row ledger, written by the transaction that publishes a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from assay.batch_states import PUBLISHED
from assay.ledger.query import Connection, as_json, fetch_all


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


def was_made_anew(connection: Connection, release: Release) -> bool:
    """Whether the batch of a release was committed again after it."""
    rows = fetch_all(
        connection,
        "SELECT FROM ops.batch WHERE batch_id = %(batch)s AND (state <> %(published)s OR EXISTS ("
        "SELECT FROM ops.release WHERE batch_id = %(batch)s AND release_id > %(release)s"
        " AND rolled_back_by IS NULL))",
        {
            "batch": release.batch_id,
            "release": release.release_id,
            "published": PUBLISHED,
        },
    )
    return bool(rows)


def was_released(connection: Connection, batch_id: str) -> bool:
    """True when some commit of this batch has been released before."""
    return bool(
        fetch_all(connection, "SELECT FROM ops.release WHERE batch_id = %s LIMIT 1", [batch_id])
    )


def has_standing_release(connection: Connection, batch_id: str) -> bool:
    """True when a release of this batch has not been rolled back."""
    return bool(
        fetch_all(
            connection,
            "SELECT FROM ops.release WHERE batch_id = %s AND rolled_back_by IS NULL LIMIT 1",
            [batch_id],
        )
    )


def released_silver(connection: Connection, datasets: Sequence[str]) -> dict[str, int]:
    """Dataset → version of its silver that readers see."""
    return dict(
        fetch_all(
            connection,
            "SELECT split_part(key, '.', 2), value::int"
            " FROM ops.current_release, jsonb_each_text(versions)"
            " WHERE key = ANY(%s)",
            [[f"silver.{dataset}" for dataset in datasets]],
        )
    )


def are_released(connection: Connection, silver: Mapping[str, int]) -> bool:
    """Whether each of these versions of silver is in a release that was not rolled back."""
    return all(
        fetch_all(
            connection,
            "SELECT FROM ops.release WHERE rolled_back_by IS NULL AND versions ->> %s = %s LIMIT 1",
            [f"silver.{dataset}", str(version)],
        )
        for dataset, version in silver.items()
    )


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
        " WHERE versions ? %(table)s"
        " AND CASE WHEN %(as_of)s::bigint IS NULL THEN rolled_back_by IS NULL"
        " ELSE release_id <= %(as_of)s END"
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

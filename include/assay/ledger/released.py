"""What readers see, and saw: questions about releases that have a short answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.batch.states import PUBLISHED
from assay.ledger.query import Connection, fetch_all
from assay.ledger.releases import Release


def has_standing_release(connection: Connection, batch_id: str) -> bool:
    """True when a release of this batch has not been rolled back."""
    return bool(
        fetch_all(
            connection,
            "SELECT FROM ops.release WHERE batch_id = %s AND rolled_back_by IS NULL LIMIT 1",
            [batch_id],
        )
    )


def was_released(connection: Connection, batch_id: str) -> bool:
    """True when some commit of this batch has been released before."""
    return bool(
        fetch_all(connection, "SELECT FROM ops.release WHERE batch_id = %s LIMIT 1", [batch_id])
    )


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


def stands_after(connection: Connection, pipeline: str, release_id: int | None) -> bool:
    """Whether a release after this one stands; None is the time before the first."""
    return bool(
        fetch_all(
            connection,
            "SELECT FROM ops.release WHERE pipeline = %s AND rolled_back_by IS NULL"
            " AND release_id > %s LIMIT 1",
            [pipeline, release_id or 0],
        )
    )

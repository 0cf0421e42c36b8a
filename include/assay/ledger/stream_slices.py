"""The slices that streams have recorded: which of them batches may claim, and what is released.

Pending is what no live batch has accepted and nobody has rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from assay.batch.slices import FileSlice, Slice, StreamSlice
from assay.ledger.query import Connection, fetch_all, fetch_value

IS_CLAIMED = """
    EXISTS (SELECT FROM ops.batch_slice AS claim
            WHERE claim.dataset = slice.dataset AND claim.slice_id = slice.slice_id
              AND claim.verdict = 'accepted' AND claim.batch_is_live)
"""
# Its release was rolled back and its file kept in the archive, so nobody has it and none takes it.
SET_ASIDE = "slice.released_by IN (SELECT batch_id FROM ops.batch WHERE NOT is_live)"
KNOWN = """
    SELECT slice_id FROM ops.stream_slice WHERE dataset = %(dataset)s AND slice_id = ANY(%(ids)s)
    UNION
    SELECT slice_id FROM ops.batch_slice
    WHERE dataset = %(dataset)s AND slice_id = ANY(%(ids)s)
      AND verdict = 'accepted' AND batch_is_live
"""
SLICES = """
    SELECT kind, sha256, dataset, format, slice_id, path, source_file, records, size_bytes, header,
           slice_date::text
    FROM ops.stream_slice AS slice
"""
UNCLAIMED = f"""
    {SLICES} WHERE dataset = %s AND released_by IS NULL AND rejected IS NULL
      AND NOT {IS_CLAIMED}
    ORDER BY recorded_at, epoch, micro_batch, slice_id
"""
THESE = "(dataset, slice_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
RECORDED = f"{SLICES} WHERE {THESE}"
HOLDING = f"""
    SELECT dataset, slice_id, stream, rejected IS NOT NULL OR {SET_ASIDE}
    FROM ops.stream_slice AS slice WHERE (released_by IS NULL OR {SET_ASIDE}) AND {THESE}
"""  # noqa: S608  # constants of our own
OF_BATCH = """
    FROM ops.batch_slice AS claim
    WHERE claim.batch_id = %(batch)s AND claim.verdict = 'accepted'
      AND claim.dataset = slice.dataset AND claim.slice_id = slice.slice_id
"""
COUNT = f"""
    SELECT count(*) FROM ops.stream_slice AS slice WHERE EXISTS (SELECT {OF_BATCH})
"""  # noqa: S608  # constants of our own
RELEASE = f"""
    UPDATE ops.stream_slice AS slice SET released_by = %(batch)s {OF_BATCH}
    RETURNING slice.dataset, slice.slice_id
"""  # noqa: S608
TAKEN_BACK = "its release was rolled back, so live has its rows no more"
TAKE_BACK = f"""
    UPDATE ops.stream_slice AS slice
    SET released_by = NULL, live_records = 0, error_records = 0,
        parked = coalesce(parked, '{TAKEN_BACK}')
        {OF_BATCH}
      AND slice.released_by = %(batch)s
"""  # noqa: S608


def known_content(connection: Connection, dataset: str, slice_ids: Iterable[str]) -> set[str]:
    """Those of the contents that a stream has recorded, or a live batch has accepted."""
    rows = fetch_all(connection, KNOWN, {"dataset": dataset, "ids": list(slice_ids)})
    return {slice_id for (slice_id,) in rows}


def recorded_times(connection: Connection, dataset: str) -> dict[str, datetime]:
    """When each slice of the dataset was recorded, which is the last act of its transaction."""
    query = "SELECT slice_id, recorded_at FROM ops.stream_slice WHERE dataset = %s"
    return dict(fetch_all(connection, query, [dataset]))


def unclaimed(connection: Connection, dataset: str) -> list[Slice]:
    """The pending slices, oldest first."""
    return [slice_of_row(*row) for row in fetch_all(connection, UNCLAIMED, [dataset])]


def recorded_slices(
    connection: Connection, contents: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Slice]:
    """Those of the contents, each (dataset, slice_id), that a stream has recorded."""
    found = [slice_of_row(*row) for row in fetch_all(connection, RECORDED, _listed(contents))]
    return {(each.dataset, each.slice_id): each for each in found}


def count_slices_of_streams(connection: Connection, batch_id: str) -> int:
    """How many of the slices that a batch has accepted a stream has recorded."""
    counted: int = fetch_value(connection, COUNT, {"batch": batch_id})
    return counted


def streams_holding(
    connection: Connection, contents: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Which stream has recorded each of these contents, of which no batch has a release.

    Told as `stream <name>`; a content is (dataset, slice_id).
    """
    rows = fetch_all(connection, HOLDING, _listed(contents))
    return {
        (
            dataset,
            slice_id,
        ): f"stream {stream}, which somebody has set aside: `assay stream readmit`"
        if is_rejected
        else f"stream {stream}"
        for dataset, slice_id, stream, is_rejected in rows
    }


def _listed(contents: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [[dataset for dataset, _ in contents], [slice_id for _, slice_id in contents]]


def slice_of_row(kind: str, sha256: str, *facts: Any) -> Slice:
    """A row of `SLICES` as the slice that it tells of."""
    return StreamSlice(*facts, sha256=sha256) if kind == StreamSlice.kind else FileSlice(*facts)


def release_slices(connection: Connection, batch_id: str) -> dict[str, list[str]]:
    """Mark what the batch has of streams as released by it; returns slice ids by dataset.

    To be called in the transaction of the release, which takes their rows out of live.
    """
    released: dict[str, list[str]] = {}
    for dataset, slice_id in fetch_all(connection, RELEASE, {"batch": batch_id}):
        released.setdefault(dataset, []).append(slice_id)
    return released


def take_slices_back(connection: Connection, batch_id: str) -> None:
    """The slices of a batch that was rolled back are pending again, without their rows in live.

    To be called in the transaction that says so of the batch.
    """
    with connection.transaction():
        connection.execute(TAKE_BACK, {"batch": batch_id})

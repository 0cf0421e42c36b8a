"""Slices of streams that people reject, so that no batch takes them, and what takes that back."""

from __future__ import annotations

from assay.batch.slices import Slice
from assay.ledger.query import Connection, fetch_all
from assay.ledger.stream_slices import IS_CLAIMED, SET_ASIDE, SLICES, slice_of_row

REJECT = f"""
    UPDATE ops.stream_slice AS slice SET rejected = %s, live_records = 0, error_records = 0
    WHERE dataset = %s AND slice_id = %s AND released_by IS NULL AND rejected IS NULL
      AND NOT {IS_CLAIMED}
    RETURNING slice_id
"""  # noqa: S608  # constants of our own
APART = f"(rejected IS NOT NULL OR {SET_ASIDE})"
READMIT = f"""
    UPDATE ops.stream_slice AS slice
    SET rejected = NULL, released_by = NULL, live_records = 0, error_records = 0,
        parked = concat_ws('; ', parked, %s::text)
    WHERE dataset = %s AND slice_id = %s AND {APART}
"""  # noqa: S608  # constants of our own
REJECTED = f"{SLICES} WHERE dataset = %s AND {APART} ORDER BY recorded_at, slice_id"
LOCATION = """
    SELECT location FROM ops.batch_slice WHERE dataset = %s AND slice_id = %s
    ORDER BY delivery_number DESC LIMIT 1
"""


def reject_slice(connection: Connection, dataset: str, slice_id: str, why: str) -> bool:
    """Have a pending slice be rejected; False, and nothing, if it is not pending.

    To be called in the transaction that takes its rows out of live.
    """
    return bool(fetch_all(connection, REJECT, [why, dataset, slice_id]))


def readmit_slice(connection: Connection, dataset: str, slice_id: str, why: str) -> None:
    """Have a slice that was set apart be pending again, without its rows in live: it is parked,
    and `why` is said there.
    """
    with connection.transaction():
        connection.execute(READMIT, [why, dataset, slice_id])


def rejected_slices(connection: Connection, dataset: str) -> list[Slice]:
    """The slices of a dataset that people have rejected, or have rolled back without giving their
    files back, oldest first."""
    return [slice_of_row(*row) for row in fetch_all(connection, REJECTED, [dataset])]


def last_location(connection: Connection, dataset: str, slice_id: str) -> str | None:
    """Where the last batch that had a slice has put its file; None when no batch had it."""
    rows = fetch_all(connection, LOCATION, [dataset, slice_id])
    return rows[0][0] if rows else None

"""Slices of streams that people reject, so that no batch takes them, and what takes that back."""

from __future__ import annotations

from assay.batch.slices import Slice
from assay.ledger.query import Connection, fetch_all
from assay.ledger.stream_slices import IS_CLAIMED, SLICES, slice_of_row

REJECT = f"""
    UPDATE ops.stream_slice AS slice SET rejected = %s, live_records = 0, error_records = 0
    WHERE dataset = %s AND slice_id = %s AND released_by IS NULL AND rejected IS NULL
      AND NOT {IS_CLAIMED}
    RETURNING slice_id
"""  # noqa: S608  # constants of our own
READMIT = """
    UPDATE ops.stream_slice SET rejected = NULL, parked = concat_ws('; ', parked, %s::text)
    WHERE dataset = %s AND slice_id = %s
"""
REJECTED = f"{SLICES} WHERE dataset = %s AND rejected IS NOT NULL ORDER BY recorded_at, slice_id"


def reject_slice(connection: Connection, dataset: str, slice_id: str, why: str) -> bool:
    """Have a pending slice be rejected; False, and nothing, if it is not pending.

    To be called in the transaction that takes its rows out of live.
    """
    return bool(fetch_all(connection, REJECT, [why, dataset, slice_id]))


def readmit_slice(connection: Connection, dataset: str, slice_id: str, why: str) -> None:
    """Have a rejected slice be pending again, without its rows in live: it is parked, and `why`
    is said there.
    """
    with connection.transaction():
        connection.execute(READMIT, [why, dataset, slice_id])


def rejected_slices(connection: Connection, dataset: str) -> list[Slice]:
    """The slices of a dataset that people have rejected, oldest first."""
    return [slice_of_row(*row) for row in fetch_all(connection, REJECTED, [dataset])]

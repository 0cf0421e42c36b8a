"""How streams are by the books: who holds one, how far it is, and what of it waits for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from assay.ledger.query import Connection, fetch_all
from assay.ledger.stream_signs import Measured
from assay.ledger.stream_slices import IS_CLAIMED
from assay.ledger.streams import Offsets, StreamSource

STATES = f"""
    SELECT stream.stream, stream.dataset, source, stream.epoch, stream.micro_batch, next_offsets,
           holder, started_at, seen_at, stopped_at, error, measured, waiting.slices, waiting.live,
           waiting.errors, waiting.parked, waiting.rejected
    FROM ops.stream
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE rejected IS NULL) AS slices,
               coalesce(sum(live_records), 0)::bigint AS live,
               coalesce(sum(error_records), 0)::bigint AS errors,
               count(parked) FILTER (WHERE rejected IS NULL) AS parked,
               count(rejected) AS rejected
        FROM ops.stream_slice AS slice
        WHERE slice.dataset = stream.dataset AND slice.stream = stream.stream
          AND released_by IS NULL AND NOT {IS_CLAIMED}
    ) AS waiting
    ORDER BY stream.stream
"""  # noqa: S608


@dataclass(frozen=True)
class StreamState:
    """A stream, and what of it no live batch has claimed.

    `slices` are pending, `parked` those of them that show no record; `rejected` are no longer
    pending.
    """

    stream: str
    dataset: str
    source: StreamSource
    epoch: int
    micro_batch: int | None
    next_offsets: Offsets | None
    holder: str
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None
    error: str | None
    measured: Measured | None
    slices: int
    live_records: int
    error_records: int
    parked: int
    rejected: int


def stream_states(connection: Connection) -> list[StreamState]:
    """Every stream that was ever started, by name."""
    return [_state_of(row) for row in fetch_all(connection, STATES, [])]


def _state_of(row: Sequence[Any]) -> StreamState:
    found = StreamState(*row)
    told: Any = found.measured  # as Postgres has it
    return found if told is None else replace(found, measured=Measured(**told))

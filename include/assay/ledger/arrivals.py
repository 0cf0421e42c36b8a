"""When records of streams came, beside the times that they tell of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.ledger.query import Connection, fetch_all

if TYPE_CHECKING:
    from psycopg import sql

# Of a date this is its midnight in UTC, as of a time it is the moment.
CLOCKS = """
    WITH delay AS (
        SELECT (extract(epoch FROM live_since) - extract(epoch FROM {event_time}))::float AS seconds
        FROM {live} AS live
        JOIN ops.stream_slice AS slice
            ON slice.dataset = %(dataset)s AND slice.slice_id = live.slice_id
        WHERE slice.stream = %(stream)s
    )
    SELECT max(greatest(-seconds, 0)), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
           max(seconds)
    FROM delay
"""


@dataclass(frozen=True)
class Clocks:
    """Seconds between event time and arrival, of the records of a stream that are live.

    `ahead` is by how much an event time is past its arrival at most, which tells of a producer
    whose clock is wrong; 0 when none is. `late` is the most by which one came after its
    event time, and `typical` the median. All are None when nothing is live.
    """

    ahead: float | None = None
    typical: float | None = None
    late: float | None = None


def clocks_of(
    connection: Connection, stream: str, dataset: str, live: sql.Identifier, event_time: str
) -> Clocks:
    """Compare the event times of live rows with their arrival; nothing is corrected."""
    from psycopg import sql as compose

    query = compose.SQL(CLOCKS).format(live=live, event_time=compose.Identifier(event_time))
    rows = fetch_all(
        connection, query.as_string(connection), {"dataset": dataset, "stream": stream}
    )
    return Clocks(*rows[0])

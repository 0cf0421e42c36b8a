"""Signs of life of a stream: that its holder lives, how quick it is, what goes wrong, its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from assay.errors import FencedError
from assay.ledger.query import Connection, as_json, fetch_all
from assay.ledger.streams import overtaken


@dataclass(frozen=True)
class Measured:
    """The last minute of a stream.

    `rate` are records a second; p50, p95 and p99 the seconds from the arrival of a record to its
    row, None when nobody knows when it arrived; `read`, `judge` and `record` the mean seconds of
    the parts of a micro-batch.
    """

    rate: float
    p50: float | None
    p95: float | None
    p99: float | None
    micro_batches: int
    read: float
    judge: float
    record: float


def beat(connection: Connection, stream: str, epoch: int, error: str | None = None) -> None:
    """Say that the holder lives, and what goes wrong; without an error, what was told stays.

    Raises FencedError when it was overtaken.
    """
    _say(connection, stream, epoch, "stopped_at = NULL, error = coalesce(%s, error)", error)


def take_back(connection: Connection, stream: str, epoch: int, error: str | None = None) -> None:
    """Say that this error is over, or whichever was told, if nobody has overtaken the stream.

    Another one that was told meanwhile stays.
    """
    connection.execute(
        "UPDATE ops.stream SET error = NULL"
        " WHERE stream = %s AND epoch = %s AND error = coalesce(%s, error)",
        [stream, epoch, error],
    )


def tell_pace(connection: Connection, stream: str, epoch: int, measured: Measured | None) -> None:
    """Say how quick the stream was in the last minute, if nobody has overtaken it."""
    connection.execute(
        "UPDATE ops.stream SET measured = %s WHERE stream = %s AND epoch = %s",
        [as_json(None if measured is None else asdict(measured)), stream, epoch],
    )


def is_held(connection: Connection, stream: str) -> bool:
    """Whether whoever has taken the stream last has not ended since."""
    return bool(
        fetch_all(
            connection,
            "SELECT FROM ops.stream WHERE stream = %s AND stopped_at IS NULL",
            [stream],
        )
    )


def end_stream(connection: Connection, stream: str, epoch: int, error: str | None = None) -> None:
    """Say that the holder has ended, and why if it did not end well.

    Raises FencedError when it was overtaken, since the stream goes on then.
    """
    _say(connection, stream, epoch, "stopped_at = clock_timestamp(), error = %s", error)


def _say(connection: Connection, stream: str, epoch: int, change: str, error: str | None) -> None:
    said = fetch_all(
        connection,
        f"UPDATE ops.stream SET seen_at = clock_timestamp(), {change}"  # noqa: S608
        " WHERE stream = %s AND epoch = %s RETURNING epoch",
        [error, stream, epoch],
    )
    if not said:
        current = fetch_all(
            connection, "SELECT epoch, holder FROM ops.stream WHERE stream = %s", [stream]
        )
        raise FencedError(overtaken(stream, epoch, *(current or [(0, "nobody")])[0]))

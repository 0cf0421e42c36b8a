"""Streams in the books: who holds one, how far it has come, and the slices that it has recorded.

A slice exists when the transaction that shows its records has recorded it. A stream calls `hold`
and `record` in that transaction; every other function is atomic by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from assay.batch.slices import Slice
from assay.errors import BatchError, FencedError
from assay.ledger.query import Connection, as_json, fetch_all

StreamSource = Literal["files", "kafka"]
Offsets = Mapping[str, Mapping[str, int]]  # topic → partition → the first that is not recorded
Ranges = Mapping[str, Mapping[str, Sequence[int]]]  # topic → partition → first, and first after it
RECORD = """
    INSERT INTO ops.stream_slice (dataset, slice_id, stream, epoch, micro_batch, kind, format,
                                  source_file, path, header, records, live_records, error_records,
                                  size_bytes, sha256, offsets, slice_date, parked,
                                  contract_version)
    VALUES (%(dataset)s, %(slice_id)s, %(stream)s, %(epoch)s, %(micro_batch)s, %(kind)s, %(format)s,
            %(source_file)s, %(path)s, %(header)s, %(records)s, %(live_records)s,
            %(error_records)s, %(size_bytes)s, %(sha256)s, %(offsets)s, %(slice_date)s,
            %(parked)s, %(contract_version)s)
"""


@dataclass(frozen=True)
class Taken:
    """What a stream begins with: its epoch, and of Kafka the offsets; None reads from the first.

    `topic_ids` are those of the topics that the offsets are of, as far as they are known.
    """

    epoch: int
    next_offsets: Offsets | None
    topic_ids: Mapping[str, str] = field(default_factory=dict)


def read_topics(told: Mapping[str, str] | None, next_offsets: Offsets | None) -> dict[str, str]:
    """The ids of the topics that the offsets are of."""
    return {topic: known for topic, known in (told or {}).items() if topic in (next_offsets or {})}


@dataclass(frozen=True)
class RecordedSlice:
    """A slice with what became of its records: shown as rows, shown as errors, or `parked`.

    `parked` says why none of them could be shown. `offsets` are those of Kafka, None for a file.
    `contract_version` is that of the silver contract by which they were judged.
    """

    slice: Slice
    contract_version: str
    live_records: int = 0
    error_records: int = 0
    offsets: Ranges | None = None
    parked: str | None = None


def take_stream(
    connection: Connection,
    stream: str,
    dataset: str,
    source: StreamSource,
    holder: str,
    error: str | None = None,
) -> Taken:
    """Take the next epoch of `<dataset>.<source>`; whoever holds the stream is fenced from now on.

    Micro-batches are counted from the beginning in each epoch. `error` has ended the last one, and
    may be there still.
    """
    rows = fetch_all(
        connection,
        """
        INSERT INTO ops.stream AS known (stream, dataset, source, epoch, holder, error)
        VALUES (%s, %s, %s, 1, %s, %s)
        ON CONFLICT (stream) DO UPDATE
        SET epoch = known.epoch + 1, micro_batch = NULL, holder = excluded.holder,
            started_at = clock_timestamp(), seen_at = clock_timestamp(), stopped_at = NULL,
            error = excluded.error, measured = NULL
        RETURNING epoch, next_offsets, topic_ids
        """,
        [stream, dataset, source, holder, error],
    )
    epoch, next_offsets, told = rows[0]
    return Taken(epoch, next_offsets, read_topics(told, next_offsets))


def hold(connection: Connection, stream: str, epoch: int, micro_batch: int) -> bool:
    """Lock the stream until the caller's transaction ends; False for what is recorded already.

    Raises FencedError when the epoch is not the newest.
    """
    rows = fetch_all(
        connection,
        "SELECT epoch, holder, coalesce(micro_batch, -1) FROM ops.stream WHERE stream = %s"
        " FOR UPDATE",
        [stream],
    )
    if not rows:
        raise FencedError(f"{stream}: no such stream; epoch {epoch} was never taken")
    current, holder, recorded = rows[0]
    if current != epoch:
        raise FencedError(overtaken(stream, epoch, current, holder))
    return bool(micro_batch > recorded)


def record(
    connection: Connection,
    stream: str,
    epoch: int,
    micro_batch: int,
    slices: Sequence[RecordedSlice],
    next_offsets: Offsets | None,
) -> None:
    """Record a micro-batch with its slices, in the transaction that holds the stream.

    `next_offsets` of None leaves those that there are. Raises BatchError when a live batch has
    accepted one of the contents since `known_content` was asked, and nothing is to be recorded.
    """
    claimed = _claimed(connection, slices)
    if claimed:
        raise BatchError(
            f"{stream}: a batch has accepted {', '.join(claimed[:3])} meanwhile, so micro-batch"
            f" {micro_batch} is to be made again without it"
        )
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(RECORD, [_told(stream, epoch, micro_batch, each) for each in slices])
        cursor.execute(
            "UPDATE ops.stream SET micro_batch = %s, next_offsets = coalesce(%s, next_offsets),"
            " seen_at = clock_timestamp(), error = NULL WHERE stream = %s AND epoch = %s",
            [micro_batch, as_json(next_offsets), stream, epoch],
        )


def _claimed(connection: Connection, slices: Sequence[RecordedSlice]) -> list[str]:
    rows = fetch_all(
        connection,
        "SELECT source_file FROM ops.batch_slice WHERE verdict = 'accepted' AND batch_is_live"
        " AND (dataset, slice_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        [[each.slice.dataset for each in slices], [each.slice.slice_id for each in slices]],
    )
    return [repr(name) for (name,) in rows]


def _told(stream: str, epoch: int, micro_batch: int, each: RecordedSlice) -> dict[str, object]:
    facts = {"kind": each.slice.kind, "sha256": each.slice.sha256, **asdict(each.slice)}
    counts = {"live_records": each.live_records, "error_records": each.error_records}
    where = {"stream": stream, "epoch": epoch, "micro_batch": micro_batch}
    told = {"offsets": as_json(each.offsets), "parked": each.parked}
    return {**facts, **counts, **where, **told, "contract_version": each.contract_version}


def begun_at(connection: Connection, stream: str) -> tuple[Offsets, Mapping[str, str]]:
    """Where the next start goes on, and in which topics, without taking the stream."""
    rows = fetch_all(
        connection, "SELECT next_offsets, topic_ids FROM ops.stream WHERE stream = %s", [stream]
    )
    next_offsets, told = rows[0] if rows else (None, None)
    return next_offsets or {}, read_topics(told, next_offsets)


def know_topics(
    connection: Connection,
    stream: str,
    epoch: int,
    topic_ids: Mapping[str, str],
    begun: Offsets,
) -> None:
    """Remember which topics are read, and from where, if nobody has overtaken the stream.

    What is recorded of a topic stays, so that a stream that stops before its first record is told
    what the topic has lost by the next start.
    """
    connection.execute(
        "UPDATE ops.stream SET topic_ids = coalesce(topic_ids, '{}') || %s,"
        " next_offsets = %s || coalesce(next_offsets, '{}') WHERE stream = %s AND epoch = %s",
        [as_json(topic_ids), as_json(begun), stream, epoch],
    )


def overtaken(stream: str, epoch: int, current: int, holder: str) -> str:
    """Why an epoch records nothing any more."""
    return (
        f"{stream}: this process has epoch {epoch}, but {holder} took epoch {current}; this process"
        " records nothing any more"
    )

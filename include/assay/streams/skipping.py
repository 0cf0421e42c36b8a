"""Going on behind records that Kafka has lost: on the books, so that nobody takes them for read."""

from __future__ import annotations

from typing import Any

import psycopg
import pyarrow as pa

from assay.errors import SettingsError
from assay.kafka.access import KafkaAccess, kafka_access
from assay.kafka.admin import offsets
from assay.ledger.streams import Offsets, RecordedSlice, end_stream, hold, record, take_stream
from assay.settings import Settings
from assay.streams.kafka_slices import SCHEMA, SliceFiles, advanced, begin_of
from assay.streams.names import Stream, topics_of


def skip_lost(
    settings: Settings, connection: psycopg.Connection[Any], stream: Stream, who: str, why: str
) -> str:
    """Record the lost offsets as a slice without records; returns one line that says which.

    Raises SettingsError when nothing is lost, or when the topic was made anew, whose offsets begin
    again and mean other records.
    """
    taken = take_stream(
        connection, stream.name, stream.dataset, stream.source, f"assay stream skip by {who}"
    )
    access, topics = kafka_access(settings), topics_of(stream.dataset)
    begun = begin_of(access, topics, taken.next_offsets or {})
    lost = _lost(access, stream, {topic: begun.get(topic, {}) for topic in topics})
    told = "; ".join(
        f"{first} to {until - 1} of partition {partition} of {topic}"
        for topic, partitions in lost.items()
        for partition, (first, until) in partitions.items()
    )
    rows = pa.Table.from_pylist([], SCHEMA)
    empty = SliceFiles(settings, stream, taken.epoch).write(rows, 0, "-skipped")
    with connection.transaction():
        hold(connection, stream.name, taken.epoch, 0)
        why = f"skipped by {who}, {why}: {told}"
        skipped = RecordedSlice(empty, stream.silver.version, offsets=lost, parked=why)
        record(connection, stream.name, taken.epoch, 0, [skipped], advanced(begun, lost))
    end_stream(connection, stream.name, taken.epoch)
    return f"{stream.name}: goes on without records {told}"


def _lost(
    access: KafkaAccess, stream: Stream, begun: Offsets
) -> dict[str, dict[str, tuple[int, int]]]:
    lost: dict[str, dict[str, tuple[int, int]]] = {}
    for topic, partitions in begun.items():
        there = offsets(access, topic)
        for partition, first in partitions.items():
            held = there.get(int(partition))
            if held is None or held.latest < first:
                raise SettingsError(
                    f"topic {topic} was made anew: its offsets begin again, so they cannot go on"
                    f" at {first}. Give the new topic a name of its own, and name that in"
                    f" source.stream.topics of {stream.bronze.path}"
                )
            if held.earliest > first:
                lost.setdefault(topic, {})[partition] = (first, held.earliest)
    if not lost:
        raise SettingsError(f"{stream.name}: no record is lost")
    return lost

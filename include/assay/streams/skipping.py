"""Going on behind records that Kafka has lost: on the books, so that nobody takes them for read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import pyarrow as pa

from assay.errors import SettingsError
from assay.kafka.access import KafkaAccess, kafka_access
from assay.kafka.admin import offsets, topic_ids
from assay.ledger.stream_signs import end_stream
from assay.ledger.streams import Offsets, RecordedSlice, begun_at, hold, record, take_stream
from assay.settings import Settings
from assay.streams.kafka_slices import SCHEMA, SliceFiles, advanced, begin_of, made_anew, told_anew
from assay.streams.names import Stream, topics_of


def skip_lost(
    settings: Settings, connection: psycopg.Connection[Any], stream: Stream, who: str, why: str
) -> str:
    """Record the lost offsets as a slice without records; returns one line that says which.

    Raises SettingsError when nothing is lost, or when the topic was made anew, whose offsets begin
    again and mean other records.
    """
    access = kafka_access(settings)
    _lost(access, stream, *begun_at(connection, stream.name))  # a stream that is well is not taken
    taken = take_stream(
        connection, stream.name, stream.dataset, stream.source, f"assay stream skip by {who}"
    )
    begun, lost = _lost(access, stream, taken.next_offsets or {}, taken.topic_ids)
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
    access: KafkaAccess, stream: Stream, known: Offsets, ids: Mapping[str, str]
) -> tuple[Offsets, dict[str, dict[str, tuple[int, int]]]]:
    """Where each partition begins, and of which the records from there on are gone."""
    topics = topics_of(stream.dataset)
    anew = made_anew(ids, topic_ids(access, topics))
    if anew:
        raise SettingsError(told_anew(stream, anew))
    begun = begin_of(access, topics, known)
    lost: dict[str, dict[str, tuple[int, int]]] = {}
    for topic in topics:
        there = offsets(access, topic)
        for partition, first in begun.get(topic, {}).items():
            held = there.get(int(partition))
            if held is None or held.latest < first:
                raise SettingsError(told_anew(stream, [topic]))
            if held.earliest > first:
                lost.setdefault(topic, {})[partition] = (first, held.earliest)
    if not lost:
        raise SettingsError(f"{stream.name}: no record is lost")
    return begun, lost

"""Slice files: the records of Kafka as they came, written before they are shown.

A micro-batch that is made again overwrites its file with the same records. A file that the books do
not know is what a kill has left, and maintenance sweeps it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assay.batch.slices import Slice, StreamSlice
from assay.intake.header import value_header
from assay.kafka.access import KafkaAccess
from assay.kafka.admin import offsets
from assay.ledger.streams import Offsets, Ranges
from assay.settings import Settings
from assay.storage.addresses import Place
from assay.storage.files import written_whole
from assay.storage.objects import put, remove
from assay.streams.micro_batch import Fails, poison_ranges
from assay.streams.names import Stream
from assay.streams.sink import MicroBatch

BYTES = pa.binary()
SCHEMA = pa.schema(
    {
        "value": BYTES,
        "key": BYTES,
        "headers": pa.list_(pa.struct({"key": pa.string(), "value": BYTES})),
        "topic": pa.string(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "timestamp": pa.timestamp("us", "UTC"),
    }
)
ORDER = [("topic", "ascending"), ("partition", "ascending"), ("offset", "ascending")]


@dataclass(frozen=True)
class SliceFiles:
    """The slice files of one stream in one epoch."""

    settings: Settings
    stream: Stream
    epoch: int

    @property
    def format(self) -> Literal["kafka_json", "kafka_csv"]:
        """That of the values."""
        source = self.stream.bronze.source
        is_csv = source and source.stream and source.stream.values == "csv"
        return "kafka_csv" if is_csv else "kafka_json"

    @property
    def header(self) -> list[str]:
        """The columns that each value has; those of JSON are in the values themselves."""
        return value_header(self.stream.bronze) if self.format == "kafka_csv" else []

    def write(self, rows: pa.Table, number: int, part: str = "") -> StreamSlice:
        """Write records, which are sorted, as the file of a micro-batch, or of a part of it."""
        name = f"{self.epoch}-{number:012d}{part}"
        place = self._folder / f"{name}.parquet"
        content = io.BytesIO()
        pq.write_table(rows, content, compression="zstd")
        _store(place, content.getvalue())
        return StreamSlice(
            dataset=self.stream.dataset,
            format=self.format,
            slice_id=f"{self.stream.name}/{name}",
            path=str(place),
            source_file=place.name,
            records=rows.num_rows,
            size_bytes=content.getbuffer().nbytes,
            header=self.header,
            slice_date=datetime.now(UTC).date().isoformat(),
            sha256=hashlib.sha256(content.getbuffer()).hexdigest(),
        )

    def whole(self, rows: pa.Table, number: int, begun: Offsets) -> MicroBatch:
        """A micro-batch of one slice. `begun` is the first offset of each partition."""
        return self._batch([(rows, self.write(rows, number))], number, begun)

    def cut(
        self, rows: pa.Table, batch: MicroBatch, begun: Offsets, fails: Fails
    ) -> tuple[MicroBatch, dict[str, str]]:
        """The micro-batch with each record that fails alone in a slice of its own; and why."""
        trials: list[StreamSlice] = []

        def fails_of(start: int, end: int) -> str:
            trial = self.write(rows.slice(start, end - start), batch.number, f"-try{len(trials)}")
            trials.append(trial)
            return fails([trial])

        try:
            poison = poison_ranges(0, rows.num_rows, fails_of)
        finally:
            for trial in trials:
                remove(self._place(trial))
        parts: list[tuple[pa.Table, StreamSlice]] = []
        parked: dict[str, str] = {}
        for start, end, why in _ranges(poison, rows.num_rows):
            part = rows.slice(start, end - start)
            written = self.write(part, batch.number, f"-{len(parts):03d}")
            parts.append((part, written))
            if why:
                parked[written.slice_id] = why
        return self._batch(parts, batch.number, begun), parked

    @property
    def _folder(self) -> Place:
        return self.stream.slices(self.settings)

    def _place(self, taken: Slice) -> Place:
        return self._folder / taken.source_file

    def _batch(
        self, parts: Sequence[tuple[pa.Table, StreamSlice]], number: int, begun: Offsets
    ) -> MicroBatch:
        offsets: dict[str, Ranges] = {}
        going_on = begun
        for rows, written in parts:
            offsets[written.slice_id] = ranges_of(rows, going_on)
            going_on = advanced(going_on, offsets[written.slice_id])
        return MicroBatch(number, [written for _, written in parts], offsets, going_on)


def begin_of(access: KafkaAccess, topics: Sequence[str], known: Offsets) -> Offsets:
    """Where to begin in each partition of these topics, beside what the books say of others.

    A topic that they do not know begins with the first record that it has. Of one that they know,
    a partition that was added, or had no record yet, begins with its very first, so that those
    which are gone are told. Raises KafkaUnavailableError.
    """
    begin = dict(known)
    for topic in topics:
        read, there = known.get(topic, {}), offsets(access, topic)
        first = {str(number): 0 if read else held.earliest for number, held in there.items()}
        if first:
            begin[topic] = {**first, **read}
    return begin


def made_anew(known: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """The topics that have another id than is known: they were deleted and made under the name."""
    return [topic for topic, told in there.items() if known.get(topic, told) != told]


def told_anew(stream: Stream, topics: Sequence[str]) -> str:
    """What a person is to do about topics that were made anew."""
    return (
        f"topic {', '.join(topics)} was made anew: its offsets begin again and mean other records."
        f" Make a topic of another name, name that in source.stream.topics of {stream.bronze.path},"
        " stop and start the stream, and copy over to it what is in the one that was made anew"
    )


def in_order(found: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The records of a micro-batch as a slice file has them, and what is beside each of them.

    `record_number` has a record whole; beside, it is the number of the row in the slice file.
    """
    records = found["record_number"].combine_chunks().flatten()
    rows = pa.table(records, names=found.schema.field("record_number").type.names)
    order = pc.sort_indices(rows, ORDER)
    rows = rows.select(SCHEMA.names).cast(SCHEMA).take(order)
    numbers = pa.array(range(1, rows.num_rows + 1), pa.int64())
    place = found.schema.get_field_index("record_number")
    return rows, found.take(order).set_column(place, "record_number", numbers)


def delays_of(rows: pa.Table) -> dict[float, int]:
    """How many records have come so many seconds ago, by the clock of whoever has stamped them."""
    now = pa.scalar(datetime.now(UTC), SCHEMA.field("timestamp").type)
    delays = pc.divide(pc.subtract(now, rows["timestamp"]).cast(pa.int64()), 1e6)
    return {each["values"]: each["counts"] for each in pc.value_counts(delays).to_pylist()}


def ranges_of(rows: pa.Table, begun: Offsets) -> Ranges:
    """By partition, the first offset and the one after the last. What Kafka left out between two
    micro-batches, such as the marks of transactions, is of the later."""
    found = rows.group_by(["topic", "partition"]).aggregate([("offset", "min"), ("offset", "max")])
    ranges: dict[str, dict[str, Sequence[int]]] = {}
    for row in found.to_pylist():
        topic, partition = row["topic"], str(row["partition"])
        first = begun.get(topic, {}).get(partition, row["offset_min"])
        ranges.setdefault(topic, {})[partition] = [first, row["offset_max"] + 1]
    return ranges


def advanced(begun: Offsets, ranges: Ranges) -> dict[str, Mapping[str, int]]:
    """Where each partition goes on after these ranges."""
    going_on = {topic: dict(partitions) for topic, partitions in begun.items()}
    for topic, partitions in ranges.items():
        for partition, (_, until) in partitions.items():
            going_on.setdefault(topic, {})[partition] = until
    return {**going_on}


def _ranges(poison: Sequence[tuple[int, int, str]], records: int) -> list[tuple[int, int, str]]:
    """All records in ranges, of which those of the poison have a reason."""
    ranges, begin = [], 0
    for start, end, why in poison:
        if begin < start:
            ranges.append((begin, start, ""))
        ranges.append((start, end, why))
        begin = end
    if begin < records:
        ranges.append((begin, records, ""))
    return ranges


def _store(place: Place, content: bytes) -> None:
    if not isinstance(place, Path):
        put(place, content)
        return
    with written_whole(place) as temporary:
        temporary.write_bytes(content)

"""The stream of a dataset's topics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.streaming.readwriter import DataStreamReader

from assay.errors import (
    KafkaUnavailableError,
    SettingsError,
    StreamGapError,
    TopicMissingError,
)
from assay.kafka.access import kafka_access, spark_options
from assay.kafka.admin import OffsetRange, offsets, partitions
from assay.ledger.streams import Offsets
from assay.streams.kafka_slices import SCHEMA, SliceFiles, begin_of, delays_of, in_order
from assay.streams.micro_batch import Fails
from assay.streams.sink import MicroBatch
from spark_jobs.streams.running import Held, Running, Sessions

MOST_RECORDS = 20_000  # of a micro-batch


class KafkaStream(Running):
    """Records of Kafka, from where the books say, by slice files."""

    def __init__(self, sessions: Sessions, held: Held) -> None:
        super().__init__(sessions, held, self._cut)
        self.files = SliceFiles(held.settings, self.stream, self.epoch)
        self.begun: Offsets = held.taken.next_offsets or {}
        self.access = kafka_access(held.settings)
        self._rows: pa.Table | None = None
        source = self.stream.bronze.source
        if source is None or source.stream is None:
            raise SettingsError(f"{self.stream.name}: its contract has no source.stream")
        self.topics = source.stream.topics

    def begin(self) -> None:
        """Raises StreamGapError when Kafka has lost what the books do not have, and
        TopicMissingError when a topic is still to be made."""
        self.begun = begin_of(self.access, self.topics, self.begun)
        self.refuse_gaps()
        missing = [topic for topic in self.topics if not partitions(self.access, topic)]
        if missing:
            raise TopicMissingError(
                f"{self.stream.name}: Kafka at {self.access.bootstrap_servers} has no topic"
                f" {', '.join(missing)} yet; make it, or correct source.stream.topics of the"
                " contract"
            )

    def read(self, reader: DataStreamReader) -> DataFrame:
        return (
            reader.format("kafka")
            .options(**spark_options(self.access))
            .option("subscribe", ",".join(self.topics))
            .option("startingOffsets", self._starting_offsets())
            .option("maxOffsetsPerTrigger", MOST_RECORDS)
            .option("failOnDataLoss", value=True)
            .option("includeHeaders", value=True)
            .load()
        )

    def record(self, frame: DataFrame, number: int) -> None:
        """Write the slice file of a micro-batch, and have it recorded."""
        with self.meter.part("read"):
            rows = self._rows = in_order(frame.select(*SCHEMA.names).toArrow())
        if rows.num_rows:
            with self.meter.part("read"):
                batch = self.files.whole(rows, number, self.begun)
            shown = self.recorder.record(batch)
            self.meter.shown(shown, delays_of(rows))
            self.begun = batch.next_offsets or {}

    def check(self) -> None:
        """And of a query that has ended, whether for a gap."""
        super().check()
        if self.error and not isinstance(self.error, StreamGapError):
            try:
                self.refuse_gaps()
            except StreamGapError as gap:
                self.error = gap
            except KafkaUnavailableError as away:
                self.error = away

    def refuse_gaps(self) -> None:
        """Raise StreamGapError when the first record to be recorded next is gone."""
        lost = [
            words
            for topic in self.topics
            for words in gaps_of(topic, self.begun.get(topic, {}), offsets(self.access, topic))
        ]
        if lost:
            raise StreamGapError(
                f"{self.stream.name}: {'; '.join(lost)}; nothing more is recorded until somebody"
                f" goes on behind it: assay stream skip {self.stream.dataset} --why '…'"
            )

    def leave(self) -> None:
        """Nothing: what is not recorded is in Kafka."""

    def _cut(self, batch: MicroBatch, fails: Fails) -> tuple[MicroBatch, dict[str, str]]:
        if self._rows is None:
            raise RuntimeError("there is no micro-batch")
        return self.files.cut(self._rows, batch, self.begun, fails)

    def _starting_offsets(self) -> str:
        return json.dumps({topic: self.begun[topic] for topic in self.topics})


def gaps_of(
    topic: str, begun: Mapping[str, int], there: Mapping[int, OffsetRange]
) -> Sequence[str]:
    """What is lost of a topic of which the books go on at `begun`, in words."""
    lost = []
    for partition, first in sorted(begun.items(), key=lambda each: int(each[0])):
        held = there.get(int(partition))
        name = f"partition {partition} of topic {topic}"
        if held is None:
            lost.append(f"{name} is gone, whose next record is {first}")
        elif held.earliest > first:
            lost.append(
                f"records {first} to {held.earliest - 1} of {name} are gone: it begins at"
                f" {held.earliest}"
            )
        elif held.latest < first:
            lost.append(
                f"{name} ends at {held.latest}, before {first}, which is next: it was made anew"
            )
    return lost

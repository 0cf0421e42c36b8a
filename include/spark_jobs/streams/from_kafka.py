"""The stream of a dataset's topics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.batch.slices import Slice
from assay.errors import (
    FencedError,
    KafkaUnavailableError,
    SettingsError,
    StreamGapError,
    TopicMissingError,
)
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.kafka.access import kafka_access, spark_options
from assay.kafka.admin import OffsetRange, offsets, partitions, records_within, topic_ids
from assay.ledger.streams import Offsets, know_topics
from assay.streams.kafka_slices import (
    SCHEMA,
    SliceFiles,
    begin_of,
    delays_of,
    in_order,
    made_anew,
    told_anew,
)
from assay.streams.micro_batch import Fails
from assay.streams.outage import wait
from assay.streams.sink import MicroBatch
from spark_jobs.streams.running import Held, Running, Sessions

# Of a micro-batch, which is in memory several times over: the bytes are those of the one that a
# start begins with, so that one which was too much for the heap is taken in smaller ones.
MOST_RECORDS, MOST_BYTES = 20_000, 1 << 25
TOPICS_SECONDS = 30.0  # from one look at whether they are still the same to the next


class KafkaStream(Running):
    """Records of Kafka, from where the books say, by slice files."""

    def __init__(self, sessions: Sessions, held: Held, *, judges_apart: bool = False) -> None:
        """Where the query has failed before, it is not to judge, so that poison can be found."""
        super().__init__(sessions, held, self._cut)
        self.judges_apart = judges_apart
        self._asked = self.open_books()
        self.files = SliceFiles(held.settings, self.stream, self.epoch)
        self.begun: Offsets = held.taken.next_offsets or {}
        self.topic_ids = held.taken.topic_ids
        self.access = kafka_access(held.settings)
        self._rows: pa.Table | None = None
        self._judged: dict[str, pa.Table] = {}  # of the slice under way, when the query has judged
        source = self.stream.bronze.source
        if source is None or source.stream is None:
            raise SettingsError(f"{self.stream.name}: its contract has no source.stream")
        self.topics = source.stream.topics

    def begin(self) -> None:
        """Raises StreamGapError when Kafka has lost what the books do not have, and
        TopicMissingError when a topic is still to be made."""
        # Asked before the offsets: of a topic that is made anew in between, the next look tells.
        there = topic_ids(self.access, self.topics)
        self.begun = begin_of(self.access, self.topics, self.begun)
        self.refuse_gaps()
        missing = [
            topic  # one that is being made just now begins at the next look
            for topic in self.topics
            if topic not in self.begun or not partitions(self.access, topic)
        ]
        if missing:
            raise TopicMissingError(
                f"{self.stream.name}: Kafka at {self.access.bootstrap_servers} has no topic"
                f" {', '.join(missing)} yet; make it, or correct source.stream.topics of the"
                " contract, and stop and start the stream"
            )
        self.topic_ids = there
        self._keep("topics", self._watch_topics)

    def read(self, sessions: Sessions) -> DataFrame:
        """Parsed and judged by the query itself: its plan is analysed once, as it begins."""
        records = (
            sessions.many.readStream.format("kafka")
            .options(**spark_options(self.access))
            .option("subscribe", ",".join(self.topics))
            .option("startingOffsets", self._starting_offsets())
            .option("maxOffsetsPerTrigger", self._fitting())
            .option("failOnDataLoss", value=True)
            .option("includeHeaders", value=True)
            .load()
        )
        values = records.select("value", F.struct(*SCHEMA.names).alias("record_number"))
        if self.judges_apart:
            return values
        return self.rows.judged_values(values, self.files.format, self.files.header)

    def record(self, frame: DataFrame, number: int) -> None:
        """Write the slice file of a micro-batch, and have it recorded."""
        with self.meter.part("judge"):
            rows, judged = in_order(frame.toArrow())
        self._rows = rows
        if rows.num_rows:
            with self.meter.part("read"):
                batch = self.files.whole(rows, number, self.begun)
            self._judged = {}
            if not self.judges_apart:
                (whole,) = batch.slices
                self._judged[whole.slice_id] = self.rows.of_slices(judged, {"": whole.slice_id})
            shown = self.recorder.record(batch)
            self.meter.shown(shown, delays_of(rows))
            self.begun = batch.next_offsets or {}

    def check(self) -> None:
        """And of a query that has ended, whether for a gap."""
        super().check()
        if self.error and not isinstance(self.error, StreamGapError | FencedError):
            try:
                self.refuse_gaps()
            except StreamGapError as gap:
                self.error = gap
            except KafkaUnavailableError as away:
                self.error = away

    def refuse_gaps(self) -> None:
        """Raise StreamGapError when the first record to be recorded next is gone."""
        self._refuse_topics_made_anew()
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

    def _refuse_topics_made_anew(self) -> None:
        there = topic_ids(self.access, self.topics)
        anew = made_anew(self.topic_ids, there)
        if anew:
            raise StreamGapError(f"{self.stream.name}: {told_anew(self.stream, anew)}")

    def _watch_topics(self) -> None:
        name, epoch, there = self.stream.name, self.epoch, self.topic_ids
        begun = self.begun
        self._asked.ask(lambda connection: know_topics(connection, name, epoch, there, begun))
        while True:
            wait(TOPICS_SECONDS, self._stop.is_set)
            with suppress(KafkaUnavailableError):
                self._refuse_topics_made_anew()

    def leave(self) -> None:
        """Nothing: what is not recorded is in Kafka."""

    def judge(self, slices: Sequence[Slice]) -> pa.Table:
        """What the query has judged; slices that are to be tried by themselves are read again."""
        known = [self._judged[each.slice_id] for each in slices if each.slice_id in self._judged]
        if not known or len(known) < len(slices):
            return super().judge(slices)
        return pa.concat_tables(known)

    def _cut(self, batch: MicroBatch, fails: Fails) -> tuple[MicroBatch, dict[str, str]]:
        if self._rows is None:
            raise RuntimeError("there is no micro-batch")
        return self.files.cut(self._rows, batch, self.begun, fails)

    def _fitting(self) -> int:
        begun = {topic: self.begun[topic] for topic in self.topics}
        fitting = records_within(self.access, begun, MOST_RECORDS, MOST_BYTES)
        if fitting < MOST_RECORDS:
            emit(Progress(f"{self.stream.name}: large records, {fitting:,} at a time"))
        return fitting

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

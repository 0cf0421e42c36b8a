"""Slice files, their offsets and how poison is cut out of them; no broker and no Spark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.batch.slices import Slice
from assay.kafka.admin import OffsetRange
from assay.ledger.stream_states import StreamState
from assay.settings import load_settings
from assay.streams.kafka_slices import SCHEMA, SliceFiles, advanced, in_order, ranges_of
from assay.streams.names import Stream
from assay.streams.state import word_for
from spark_jobs.streams.from_kafka import gaps_of

TOPIC = "ecommerce_events"
NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


def records(*places: tuple[int, int], value: bytes | None = b"{}") -> pa.Table:
    """Records of one topic at these partitions and offsets."""
    rows = [
        {"value": value, "topic": TOPIC, "partition": p, "offset": at, "timestamp": NOW}
        for p, at in places
    ]
    return found(rows)[0]


def found(rows: list[dict[str, Any]]) -> tuple[pa.Table, pa.Table]:
    """As a query gives them, each whole beside where it is."""
    whole = pa.array(rows, pa.struct(list(SCHEMA)))
    where = pa.array([f"{each['partition']}:{each['offset']}" for each in rows])
    return in_order(pa.table({"where": where, "record_number": whole}))


@pytest.fixture
def files(tmp_path: Path) -> SliceFiles:
    return SliceFiles(load_settings({"ASSAY_HOME": str(tmp_path)}), Stream(TOPIC, "kafka"), 3)


def test_a_micro_batch_is_one_file_with_the_records_as_they_came(files: SliceFiles) -> None:
    rows = records((1, 8), (0, 5), (0, 4), (1, 7))
    batch = files.whole(rows, 12, {TOPIC: {"0": 3, "2": 40}})
    (taken,) = batch.slices
    assert taken.slice_id == "ecommerce_events.kafka/3-000000000012"
    assert (taken.kind, taken.format, taken.records) == ("stream", "kafka_json", 4)
    read = pq.read_table(taken.path)
    assert read["offset"].to_pylist() == [4, 5, 7, 8]
    assert read.schema.names == SCHEMA.names
    assert batch.offsets == {taken.slice_id: {TOPIC: {"0": [3, 6], "1": [7, 9]}}}
    assert batch.next_offsets == {TOPIC: {"0": 6, "1": 9, "2": 40}}
    again = files.whole(rows, 12, {TOPIC: {"0": 3, "2": 40}})
    assert again.slices == batch.slices, "a repeat overwrites it with the same bytes"


def test_what_is_beside_a_record_keeps_its_place_and_is_numbered() -> None:
    rows, beside = found(
        [{"topic": TOPIC, "partition": p, "offset": at} for p, at in ((1, 8), (0, 5), (0, 4))]
    )
    assert rows.schema == SCHEMA
    assert beside.to_pydict() == {"where": ["0:4", "0:5", "1:8"], "record_number": [1, 2, 3]}
    none, beside = found([])
    assert (none.num_rows, beside.num_rows) == (0, 0)


def test_ranges_of_slices_that_follow_leave_no_gap() -> None:
    """Also where Kafka has left out offsets, such as those of the marks of transactions."""
    first = ranges_of(records((0, 0), (0, 1)), {})
    begun = advanced({}, first)
    second = ranges_of(records((0, 4), (0, 5)), begun)
    assert (first, second) == ({TOPIC: {"0": [0, 2]}}, {TOPIC: {"0": [2, 6]}})


def test_records_that_fail_alone_get_slices_of_their_own(files: SliceFiles) -> None:
    rows = records(*((0, at) for at in range(6)), *((1, at) for at in range(4)))
    begun = {TOPIC: {"0": 0, "1": 0}}
    whole = files.whole(rows, 1, begun)

    def fails(slices: Sequence[Slice]) -> str:
        read = pq.read_table(slices[0].path).select(["partition", "offset"]).to_pylist()
        places = {(row["partition"], row["offset"]) for row in read}
        return "bad" if places & {(0, 2), (1, 3)} else ""

    batch, parked = files.cut(rows, whole, begun, fails)
    assert [each.records for each in batch.slices] == [2, 1, 6, 1]
    assert list(parked.values()) == ["bad", "bad"]
    assert sum(each.records for each in batch.slices) == rows.num_rows
    ranges = [batch.offsets[each.slice_id] for each in batch.slices] if batch.offsets else []
    assert ranges == [
        {TOPIC: {"0": [0, 2]}},
        {TOPIC: {"0": [2, 3]}},
        {TOPIC: {"0": [3, 6], "1": [0, 3]}},
        {TOPIC: {"1": [3, 4]}},
    ]
    assert batch.next_offsets == {TOPIC: {"0": 6, "1": 4}}
    left = sorted(path.name for path in Path(batch.slices[0].path).parent.iterdir())
    # The whole may be in the books, when the answer to its COMMIT was lost.
    assert left == sorted([whole.slices[0].source_file, *(s.source_file for s in batch.slices)])


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ({0: OffsetRange(0, 50)}, []),
        ({0: OffsetRange(10, 10)}, []),
        ({0: OffsetRange(20, 50)}, ["records 10 to 19 of partition 0 of topic t are gone"]),
        ({0: OffsetRange(0, 3)}, ["partition 0 of topic t ends at 3, before 10"]),
        ({}, ["partition 0 of topic t is gone"]),
    ],
)
def test_a_gap_is_named(there: dict[int, OffsetRange], words: list[str]) -> None:
    found = gaps_of("t", {"0": 10}, there)
    assert [told[: len(word)] for told, word in zip(found, words, strict=True)] == words


@pytest.mark.parametrize(
    ("silent", "stopped", "error", "word"),
    [
        (1, False, None, "running"),
        (1, False, "Postgres", "waiting"),
        (60, False, None, "silent"),
        (60, True, None, "stopped"),
        (60, True, "a gap", "failed"),
    ],
)
def test_the_state_of_a_stream_is_one_word(
    silent: int, stopped: bool, error: str | None, word: str
) -> None:
    seen = NOW - timedelta(seconds=silent)
    state = StreamState(
        *("ecommerce_events.kafka", TOPIC, "kafka", 3, 12, None, "a test", NOW, seen),
        *(NOW if stopped else None, error, None, 0, 0, 0, 0, 0),
    )
    assert word_for(state, NOW) == word

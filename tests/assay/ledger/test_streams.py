"""Streams in the books: epochs, micro-batches, slices, and what the stream's role may do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.batch.slices import FileSlice, StreamSlice
from assay.errors import BatchError, FencedError
from assay.ledger import Delivery, record_deliveries, set_batch_state, start_batch
from assay.ledger.query import fetch_all
from assay.ledger.stream_signs import Measured, beat, end_stream, take_back, tell_pace
from assay.ledger.stream_slices import known_content, unclaimed
from assay.ledger.stream_states import stream_states
from assay.ledger.streams import RecordedSlice, begun_at, hold, know_topics, record, take_stream

if TYPE_CHECKING:
    from conftest import Database

STREAM, DATASET = "ecommerce_events.kafka", "ecommerce_events"
OF_STREAM = StreamSlice(
    dataset=DATASET,
    format="kafka_json",
    slice_id=f"{STREAM}/1-000000000000",
    path=f"/accepted/streams/{STREAM}/1-000000000000.parquet",
    source_file=f"{STREAM}/1-000000000000.parquet",
    records=3,
    size_bytes=10,
    header=["event_id"],
    slice_date="2026-11-30",
    sha256="ab" * 32,
)
OF_FILE = FileSlice(
    dataset=DATASET,
    format="csv",
    slice_id="c0ffee" + "0" * 58,
    path="/accepted/ecommerce_events/c0ffee.csv",
    source_file="a.csv",
    records=2,
    size_bytes=9,
    header=["event_id", "event_time"],
    slice_date="2026-11-29",
)
BEEF = "beef" * 16
RANGES = {"ecommerce_events": {"0": [0, 3]}}
NEXT = {"ecommerce_events": {"0": 3}}
SHOWN = RecordedSlice(OF_STREAM, "v1", live_records=2, error_records=1, offsets=RANGES)


@pytest.fixture
def streamer(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection as a stream has it."""
    with database.connect("assay_streamer", autocommit=True) as connection:
        yield connection


def take(connection: psycopg.Connection[Any], holder: str = "one") -> int:
    return take_stream(connection, STREAM, DATASET, "kafka", holder).epoch


def claim(connection: psycopg.Connection[Any], batch_id: str, *delivered: Delivery) -> None:
    """A live batch that has accepted these."""
    start_batch(
        connection,
        batch_id=batch_id,
        pipeline=DATASET,
        run_id=batch_id,
        run_type="manual",
        batch_date="2026-11-30",
        generation=1,
        source="files",
    )
    record_deliveries(connection, batch_id, delivered)


def accepted(of: FileSlice | StreamSlice) -> Delivery:
    return Delivery(of.dataset, of.source_file, of.slice_id, "accepted", kind=of.kind)


def test_a_start_takes_the_next_epoch_and_the_offsets_that_were_recorded(
    streamer: psycopg.Connection[Any],
) -> None:
    first = take_stream(streamer, STREAM, DATASET, "kafka", "one")
    assert (first.epoch, first.next_offsets) == (1, None)
    with streamer.transaction():
        assert hold(streamer, STREAM, 1, 0)
        record(streamer, STREAM, 1, 0, [SHOWN], NEXT)
    second = take_stream(streamer, STREAM, DATASET, "kafka", "two")
    assert (second.epoch, second.next_offsets, second.topic_ids) == (2, NEXT, {})
    (topic,) = NEXT
    begun = {topic: {"0": 0}, "of which nothing is recorded": {"0": 5}}
    ids = dict.fromkeys(begun, "1")
    know_topics(streamer, STREAM, 2, ids, begun)
    know_topics(streamer, STREAM, 1, {topic: "of one that is overtaken"}, {topic: {"0": 0}})
    assert begun_at(streamer, STREAM) == ({**begun, **NEXT}, ids)
    assert take_stream(streamer, STREAM, DATASET, "kafka", "three").topic_ids == ids
    with streamer.transaction():
        assert hold(streamer, STREAM, 3, 0), "each epoch counts its micro-batches anew"


def test_a_micro_batch_is_recorded_once(streamer: psycopg.Connection[Any]) -> None:
    epoch = take(streamer)
    with streamer.transaction():
        assert hold(streamer, STREAM, epoch, 0)
        record(streamer, STREAM, epoch, 0, [SHOWN], NEXT)
    with streamer.transaction():
        assert not hold(streamer, STREAM, epoch, 0)
        assert hold(streamer, STREAM, epoch, 1)


def test_what_was_overtaken_records_nothing_and_says_nothing(
    streamer: psycopg.Connection[Any],
) -> None:
    old = take(streamer)
    take(streamer, "two")
    with pytest.raises(FencedError, match="epoch 1, but two took epoch 2"):
        hold(streamer, STREAM, old, 0)
    for tell in (beat, end_stream):
        with pytest.raises(FencedError, match="records nothing any more"):
            tell(streamer, STREAM, old)
    with pytest.raises(FencedError, match="no such stream"):
        hold(streamer, "trades.files", 1, 0)
    assert [state.stopped_at for state in stream_states(streamer)] == [None]


def test_how_quick_a_stream_is_is_told_by_its_holder_alone(
    streamer: psycopg.Connection[Any],
) -> None:
    old = take(streamer)
    measured = Measured(99.5, 0.4, 0.6, None, 120, 0.1, 0.2, 0.01)
    tell_pace(streamer, STREAM, old, measured)
    assert [state.measured for state in stream_states(streamer)] == [measured]
    take(streamer, "two")
    tell_pace(streamer, STREAM, old, measured)
    assert [state.measured for state in stream_states(streamer)] == [None]


def test_a_stream_that_is_held_is_taken_only_after_the_transaction(
    database: Database, streamer: psycopg.Connection[Any]
) -> None:
    epoch = take(streamer)
    with streamer.transaction(), database.connect("assay_streamer") as other:
        hold(streamer, STREAM, epoch, 0)
        other.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            take(other, "two")


def test_nothing_is_recorded_of_a_transaction_that_fails(streamer: psycopg.Connection[Any]) -> None:
    epoch = take(streamer)
    with streamer.transaction(force_rollback=True):
        hold(streamer, STREAM, epoch, 0)
        record(streamer, STREAM, epoch, 0, [SHOWN], NEXT)
    with pytest.raises(psycopg.errors.CheckViolation):
        record(streamer, STREAM, epoch, 0, [replace(SHOWN, live_records=3)], NEXT)
    assert unclaimed(streamer, DATASET) == []
    assert take_stream(streamer, STREAM, DATASET, "kafka", "two").next_offsets is None


def test_slices_are_unclaimed_until_a_live_batch_accepts_them(
    streamer: psycopg.Connection[Any], loader: psycopg.Connection[Any]
) -> None:
    epoch = take(streamer)
    take_stream(streamer, f"{DATASET}.files", DATASET, "files", "one")
    parked = RecordedSlice(OF_FILE, "v1", parked="a value that Postgres cannot hold")
    with streamer.transaction():
        hold(streamer, STREAM, epoch, 0)
        record(streamer, STREAM, epoch, 0, [SHOWN], NEXT)
    with streamer.transaction():
        hold(streamer, f"{DATASET}.files", 1, 0)
        record(streamer, f"{DATASET}.files", 1, 0, [parked], None)
    assert unclaimed(loader, DATASET) == [OF_STREAM, OF_FILE]
    assert unclaimed(loader, "stocks") == []
    claim(loader, "one", accepted(OF_STREAM), accepted(OF_FILE))
    assert unclaimed(loader, DATASET) == []
    set_batch_state(loader, "one", "ABANDONED")  # type: ignore[arg-type]
    assert unclaimed(loader, DATASET) == [OF_STREAM, OF_FILE]
    of_files, of_kafka = stream_states(streamer)
    assert (of_kafka.slices, of_kafka.live_records, of_kafka.error_records) == (1, 2, 1)
    assert (of_files.slices, of_files.parked, of_files.micro_batch) == (1, 1, 0)


def test_content_is_known_once_a_stream_or_a_live_batch_has_it(
    streamer: psycopg.Connection[Any], loader: psycopg.Connection[Any]
) -> None:
    epoch = take(streamer)
    record(streamer, STREAM, epoch, 0, [SHOWN], NEXT)
    claim(loader, "one", Delivery(DATASET, "b.csv", BEEF, "accepted"))
    claim(loader, "two", Delivery(DATASET, "c.csv", "dead", "rejected"))
    asked = [OF_STREAM.slice_id, BEEF, "dead", "new"]
    assert known_content(streamer, DATASET, asked) == {OF_STREAM.slice_id, BEEF}
    assert known_content(streamer, "stocks", asked) == set()
    taken = RecordedSlice(replace(OF_FILE, slice_id=BEEF), "v1", live_records=2)
    with pytest.raises(BatchError, match=r"accepted 'b.csv' meanwhile"):
        record(streamer, STREAM, epoch, 1, [taken], None)


def test_a_holder_tells_that_it_lives_what_is_wrong_and_that_it_ends(
    streamer: psycopg.Connection[Any],
) -> None:
    epoch = take(streamer)
    before = stream_states(streamer)[0]
    beat(streamer, STREAM, epoch, "the broker is away")
    told = stream_states(streamer)[0]
    assert (told.error, told.stopped_at) == ("the broker is away", None)
    assert told.seen_at > before.seen_at
    beat(streamer, STREAM, epoch)
    still = stream_states(streamer)[0]
    assert (still.error, still.seen_at > told.seen_at) == ("the broker is away", True)
    record(streamer, STREAM, epoch, 0, [], NEXT)
    assert stream_states(streamer)[0].error is None
    end_stream(streamer, STREAM, epoch)
    assert stream_states(streamer)[0].stopped_at is not None
    take(streamer, "two")
    assert stream_states(streamer)[0].stopped_at is None


def test_an_error_that_is_over_is_taken_back_and_no_other(
    streamer: psycopg.Connection[Any],
) -> None:
    epoch = take(streamer)
    beat(streamer, STREAM, epoch, "no file can be taken")
    beat(streamer, STREAM, epoch, "the disk is full")
    take_back(streamer, STREAM, epoch, "no file can be taken")
    assert stream_states(streamer)[0].error == "the disk is full"
    take_back(streamer, STREAM, epoch - 1)
    assert stream_states(streamer)[0].error == "the disk is full"
    take_back(streamer, STREAM, epoch)
    assert stream_states(streamer)[0].error is None


def test_what_has_ended_an_epoch_is_told_in_the_next_until_it_is_over(
    streamer: psycopg.Connection[Any],
) -> None:
    took = take_stream(streamer, STREAM, DATASET, "kafka", "one", "the broker is away")
    assert stream_states(streamer)[0].error == "the broker is away"
    took = take_stream(streamer, STREAM, DATASET, "kafka", "one", "the broker is still away")
    beat(streamer, STREAM, took.epoch)
    assert stream_states(streamer)[0].error == "the broker is still away"
    take(streamer)
    assert stream_states(streamer)[0].error is None


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM live.ecommerce_event",
        "DELETE FROM ops.stream",
        "DELETE FROM ops.stream_slice",
        "UPDATE ops.batch SET state = 'PUBLISHED'",
        "INSERT INTO ops.batch_slice DEFAULT VALUES",
        "SELECT * FROM ops.release",
        "SELECT * FROM serving.ecommerce_event",
        "SELECT * FROM live.ecommerce_event_now",
        "SELECT * FROM live.user_activity",
        "UPDATE live.ecommerce_event SET price = 0",
        "CREATE TABLE live.of_mine (id int)",
        "CREATE TABLE staging.of_mine (id int)",
    ],
)
def test_the_role_of_streams_may_do_nothing_else(
    streamer: psycopg.Connection[Any], statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        streamer.execute(statement)


def test_its_role_fills_live_the_loader_empties_it_and_readers_read(
    database: Database, streamer: psycopg.Connection[Any], loader: psycopg.Connection[Any]
) -> None:
    streamer.execute(
        "INSERT INTO live.ecommerce_event_errors (slice_id, record_number, reasons, raw)"
        " VALUES ('s', 1, '{price.missing}', 'x')"
    )
    with database.connect("assay_reader", autocommit=True) as reader:
        query = "SELECT slice_id FROM live.ecommerce_event_errors"
        assert fetch_all(reader, query, []) == [("s",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("DELETE FROM live.ecommerce_event_errors")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        loader.execute("INSERT INTO live.ecommerce_event SELECT")
    assert loader.execute("DELETE FROM live.ecommerce_event_errors").rowcount == 1

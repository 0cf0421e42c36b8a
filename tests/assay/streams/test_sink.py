"""The transaction of a micro-batch, on a real Postgres and as the role of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

from assay.errors import BatchError, FencedError
from assay.ledger.stream_signs import beat
from assay.ledger.stream_states import stream_states
from assay.ledger.streams import take_stream
from assay.streams.sink import MicroBatch, Sink, count_records
from builders.judged_slices import NEWLINES, SCHEMA, SILVER, event_slice, judged

if TYPE_CHECKING:
    from conftest import Database

STREAM = "ecommerce_events.files"


@pytest.fixture
def streamer(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect("assay_streamer", autocommit=True) as connection:
        yield connection


def take(connection: psycopg.Connection[Any]) -> Sink:
    taken = take_stream(connection, STREAM, "ecommerce_events", "files", "a test")
    return Sink(STREAM, taken.epoch, SILVER)


def counts(connection: psycopg.Connection[Any]) -> tuple[int, ...]:
    """Rows of live, errors, slices."""
    found = connection.execute(
        "SELECT (SELECT count(*) FROM live.ecommerce_event),"
        " (SELECT count(*) FROM live.ecommerce_event_errors),"
        " (SELECT count(*) FROM ops.stream_slice)"
    ).fetchall()
    return tuple(found[0])


def test_every_value_arrives_as_it_is(streamer: psycopg.Connection[Any]) -> None:
    taken = event_slice("a", 3)
    assert take(streamer).record(streamer, MicroBatch(0, [taken]), judged(taken, bad=1), {}) == 3
    row = streamer.execute(
        "SELECT event_time, event_type_delivered, product_name, price, session_id, slice_id,"
        " record_number FROM live.ecommerce_event ORDER BY record_number"
    ).fetchone()
    time = datetime(2026, 1, 5, 10, 0, 0, 1, tzinfo=UTC)
    assert row == (time, "", NEWLINES, Decimal("0.10"), None, "a" * 64, 1)
    error = streamer.execute(
        "SELECT slice_id, record_number, reasons, raw FROM live.ecommerce_event_errors"
    ).fetchall()
    assert error == [("a" * 64, 3, ["user_id.missing", 'odd "one"\\'], f"{NEWLINES},1")]


def test_a_repeated_micro_batch_and_known_content_are_shown_once(
    streamer: psycopg.Connection[Any],
) -> None:
    sink, a, b = take(streamer), event_slice("a", 2), event_slice("b", 2)
    sink.record(streamer, MicroBatch(0, [a]), judged(a), {})
    assert sink.record(streamer, MicroBatch(0, [a]), judged(a), {}) == 0
    both = pa.concat_tables([judged(a), judged(b)])
    assert sink.record(streamer, MicroBatch(1, [a, b]), both, {}) == 2
    assert counts(streamer) == (4, 0, 2)


def test_a_commit_without_an_answer_is_found_and_its_error_taken_back(
    streamer: psycopg.Connection[Any],
) -> None:
    sink, taken = take(streamer), event_slice("a", 3)
    sink.record(streamer, MicroBatch(0, [taken]), judged(taken), {})
    beat(streamer, STREAM, sink.epoch, "server closed the connection")
    assert sink.record(streamer, MicroBatch(0, [taken]), judged(taken), {}) == 0
    assert [each.error for each in stream_states(streamer)] == [None]


def test_whoever_was_overtaken_shows_nothing(streamer: psycopg.Connection[Any]) -> None:
    older, taken = take(streamer), event_slice("a", 2)
    newer = take(streamer)
    with pytest.raises(FencedError, match="has epoch 1, but a test took epoch 2"):
        older.record(streamer, MicroBatch(0, [taken]), judged(taken), {})
    assert counts(streamer) == (0, 0, 0)
    newer.record(streamer, MicroBatch(0, [taken]), judged(taken), {})
    assert counts(streamer) == (2, 0, 1)


def test_a_record_that_was_not_read_stops_its_micro_batch(
    streamer: psycopg.Connection[Any],
) -> None:
    sink, taken = take(streamer), event_slice("a", 3)
    with pytest.raises(BatchError, match="Spark has read 2 records, and 3 were counted"):
        sink.record(streamer, MicroBatch(0, [taken]), judged(taken).slice(0, 2), {})
    assert counts(streamer) == (0, 0, 0)


def test_a_parked_slice_is_on_the_books_without_a_row(streamer: psycopg.Connection[Any]) -> None:
    sink, a, b = take(streamer), event_slice("a", 2), event_slice("b", 2)
    sink.record(streamer, MicroBatch(0, [a, b]), judged(b), {a.slice_id: "too long"})
    assert counts(streamer) == (2, 0, 2)
    assert [state.parked for state in stream_states(streamer)] == [1]


def test_nothing_is_shown_of_what_was_tried_out(streamer: psycopg.Connection[Any]) -> None:
    sink, taken = take(streamer), event_slice("a", 2)
    sink.try_out(streamer, [taken], judged(taken))
    assert counts(streamer) == (0, 0, 0)


def test_a_slice_without_a_record_counts_none() -> None:
    assert count_records(SCHEMA.empty_table()) == {}

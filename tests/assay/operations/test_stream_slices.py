"""Slices of streams that people reject, what becomes of those that live has shown, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.batch.slices import FileSlice
from assay.batch.states import FAILED
from assay.errors import BatchError
from assay.intake.accept import accept_files
from assay.ledger import deliveries, record_deliveries, set_batch_state
from assay.ledger.row_ledger import record_row_ledger
from assay.ledger.stream_slices import release_slices, streams_holding, unclaimed
from assay.ledger.stream_states import StreamState, stream_states
from assay.operations.act import Asked, act
from assay.operations.stream_slices import readmit, reject_pending
from assay.publish.live import leave_live
from assay.publish.stage import require_taken
from assay.settings import Settings
from assay.streams.state import arrivals
from assay.verify import audit
from builders.accepting import run_of
from builders.audited import broken
from builders.stream_slices import DATASET, STREAM, Kafka, Value, event, record_file

if TYPE_CHECKING:
    from conftest import Database

LIVE = "live.ecommerce_event"
Connection = psycopg.Connection[Any]


@pytest.fixture
def kafka(settings: Settings, database: Database) -> Kafka:
    held = Kafka(settings, database)
    held.take()
    return held


@pytest.fixture
def reader(database: Database) -> Iterator[Connection]:
    with database.connect("assay_reader", autocommit=True) as connection:
        yield connection


def ask(connection: Connection, query: str) -> list[Any]:
    return connection.execute(query).fetchall()


def state_of(connection: Connection, stream: str = STREAM) -> StreamState:
    return next(each for each in stream_states(connection) if each.stream == stream)


def test_a_pending_slice_is_rejected_and_readmitted(
    settings: Settings, database: Database, kafka: Kafka, loader: Connection
) -> None:
    one = kafka.record([event("k1"), Value(b"no json")])
    two = kafka.record([event("k2")])
    told = reject_pending(settings, loader, DATASET, one.slice_id, "ann", "a test")
    assert told == f"{one.slice_id}: rejected; no batch takes it, and live has none of its records"
    assert unclaimed(loader, DATASET) == [two]
    assert ask(loader, f"SELECT event_id FROM {LIVE}") == [("k2",)]  # noqa: S608
    assert ask(loader, f"SELECT FROM {LIVE}_errors") == []
    state = state_of(loader)
    assert (state.slices, state.live_records, state.parked, state.rejected) == (1, 1, 0, 1)
    uri = database.uri("assay_reader")
    assert broken(audit(settings, uri)) == {}

    told = readmit(settings, loader, DATASET, one.source_file, "bob", "it was sound")
    assert told == f"{one.slice_id}: pending again; the next release shows its records"
    assert unclaimed(loader, DATASET) == [one, two]
    state = state_of(loader)
    assert (state.slices, state.live_records, state.parked, state.rejected) == (2, 1, 1, 0)
    parked = "SELECT parked FROM ops.stream_slice WHERE parked IS NOT NULL"
    assert ask(loader, parked) == [("readmitted by bob: it was sound",)]
    assert broken(audit(settings, uri)) == {}


def test_a_parked_slice_is_rejected_and_parked_again(
    settings: Settings, kafka: Kafka, loader: Connection
) -> None:
    one = kafka.record([event("k1")], parked="refused")
    reject_pending(settings, loader, DATASET, one.slice_id, "ann", "a test")
    assert state_of(loader).parked == 0
    readmit(settings, loader, DATASET, one.slice_id, "ann", "after all")
    parked = ask(loader, "SELECT parked, rejected FROM ops.stream_slice")
    assert parked == [("refused; readmitted by ann: after all", None)]


def test_what_is_not_pending_is_not_rejected_and_what_is_wrong_lists_what_there_is(
    settings: Settings, database: Database, kafka: Kafka, loader: Connection
) -> None:
    one, two = kafka.record([event("k1")]), kafka.record([event("k2")])
    pending = f"no pending slice of {DATASET}: {one.slice_id} '{one.source_file}', {two.slice_id}"
    for name in ("nope", "", f"{STREAM}/1-"):
        with pytest.raises(BatchError, match=pending):
            reject_pending(settings, loader, DATASET, name, "ann", "a test")
    with pytest.raises(BatchError, match=f"'nope' is no rejected slice of {DATASET}: none"):
        readmit(settings, loader, DATASET, "nope", "ann", "a test")
    run = run_of("one", DATASET, pipeline=DATASET)
    accept_files(settings, lambda: database.connect(autocommit=True), run)
    with pytest.raises(BatchError, match=f"no pending slice of {DATASET}: none"):
        reject_pending(settings, loader, DATASET, one.slice_id, "ann", "a test")
    assert len(ask(loader, f"SELECT FROM {LIVE}")) == 2


def test_the_way_out_of_a_batch_says_how_to_take_it_back(
    settings: Settings, database: Database, loader: Connection
) -> None:
    by_stream = record_file(settings, database, ["f1"])
    run = run_of("one", DATASET, pipeline=DATASET)
    plan = accept_files(settings, lambda: database.connect(autocommit=True), run)
    set_batch_state(loader, plan.batch_id, FAILED, error="a gate")
    asked = Asked(plan.batch_id, "reject-file", "ann", "odd", by_stream.slice_id[:8])
    told = act(settings, loader, asked)
    assert f"it is of a stream: `assay stream readmit {DATASET}` takes that back" in told
    assert broken(audit(settings, database.uri("assay_reader"))) == {}


def test_what_a_rollback_has_set_aside_comes_back(
    settings: Settings, database: Database, kafka: Kafka, loader: Connection
) -> None:
    """Nobody can deliver records of Kafka again; a file that is delivered again is known."""
    of_kafka, of_file = kafka.record([event("k1")]), record_file(settings, database, ["f1"])
    run = run_of("one", DATASET, pipeline=DATASET)
    plan = accept_files(settings, lambda: database.connect(autocommit=True), run)
    with loader.transaction():
        leave_live(loader, plan.batch_id)
    archived = settings.archive / "kept"
    with database.connect(autocommit=True) as books:
        books.execute("UPDATE ops.batch SET state = 'ROLLED_BACK'")
        for each in (of_kafka, of_file):
            place = archived / Path(each.path).name
            place.parent.mkdir(parents=True, exist_ok=True)
            Path(each.path).rename(place)
            books.execute(
                "UPDATE ops.batch_slice SET location = %s WHERE slice_id = %s",
                [str(place), each.slice_id],
            )
    assert unclaimed(loader, DATASET) == []
    held = streams_holding(loader, [(DATASET, of_file.slice_id)])
    assert "`assay stream readmit`" in held[DATASET, of_file.slice_id]
    for each in (of_kafka, of_file):
        readmit(settings, loader, DATASET, each.slice_id, "ann", "it was sound")
        assert Path(each.path).read_bytes() == (archived / Path(each.path).name).read_bytes()
    assert unclaimed(loader, DATASET) == [of_kafka, of_file]
    assert "I14" not in broken(audit(settings, database.uri("assay_reader")))
    (archived / Path(of_file.path).name).unlink()
    Path(of_file.path).unlink()
    reject_pending(settings, loader, DATASET, of_file.slice_id, "ann", "a test")
    with pytest.raises(BatchError, match="put it back"):
        readmit(settings, loader, DATASET, of_file.slice_id, "ann", "its file is gone")


def test_no_batch_is_staged_that_has_a_slice_whose_rejection_was_cut_off(
    settings: Settings, database: Database, kafka: Kafka, loader: Connection
) -> None:
    kafka.record([event("k1")])
    run = run_of("one", DATASET, pipeline=DATASET)
    plan = accept_files(settings, lambda: database.connect(autocommit=True), run)
    require_taken(loader, plan)
    delivery = deliveries(loader, plan.batch_id)[0]
    record_deliveries(loader, plan.batch_id, [replace(delivery, verdict="rejected", reason="odd")])
    with pytest.raises(BatchError, match=f"complete it: assay batch reject-file {plan.batch_id}"):
        require_taken(loader, plan)


def audited(loader: Connection, batch_id: str, **classes: dict[str, int]) -> None:
    """A batch that is released, with its slices, as the publication says it."""
    counts = {
        slice_id: {"records": sum(told.values()), **told} for slice_id, told in classes.items()
    }
    record_row_ledger(loader, batch_id=batch_id, dataset=DATASET, generation=1, classes=counts)
    with loader.transaction():
        release_slices(loader, batch_id)


def test_a_reader_sees_what_the_audit_has_made_of_what_was_live(
    settings: Settings, database: Database, kafka: Kafka, loader: Connection, reader: Connection
) -> None:
    one = kafka.record([event("k1"), event("k2"), event("k3"), Value(b"no json")])
    rejected, by_stream = kafka.record([event("k4")]), record_file(settings, database, ["f1"])
    assert isinstance(by_stream, FileSlice)
    parked = kafka.record([event("k5")], parked="refused")
    reject_pending(settings, loader, DATASET, rejected.slice_id, "ann", "odd")
    run = run_of("one", DATASET, pipeline=DATASET, landing_glob="*.parquet")
    plan = accept_files(settings, lambda: database.connect(autocommit=True), run)
    states = "SELECT source_file, state, reason FROM ops.stream_slice_audit ORDER BY recorded_at"
    assert ask(reader, states) == [
        (one.source_file, "claimed", None),
        (rejected.source_file, "rejected", "odd (by ann)"),
        (by_stream.source_file, "pending", None),
        (parked.source_file, "claimed", "refused"),
    ]
    none = dict.fromkeys(("new", "updated", "duplicate", "superseded", "quarantined"), 0)
    classes = {
        one.slice_id: {**none, "new": 1, "superseded": 1, "quarantined": 2},
        parked.slice_id: {**none, "quarantined": 1},
    }
    audited(loader, plan.batch_id, **classes)
    became = ask(
        reader,
        "SELECT batch_id, live_records, error_records, new, superseded, quarantined,"
        " quarantined_after_live FROM ops.stream_slice_audit WHERE state = 'released'"
        " ORDER BY recorded_at",
    )
    assert became == [(plan.batch_id, 3, 1, 1, 1, 2, 1), (plan.batch_id, 0, 0, 0, 0, 1, None)]


def test_clocks_of_producers_are_told_and_not_corrected(
    settings: Settings, database: Database, kafka: Kafka, reader: Connection
) -> None:
    state = state_of(reader)
    assert arrivals(reader, state).late is None, "nothing is live"
    now = datetime.now(UTC)
    sent = {"late": now - timedelta(hours=1), "now": now, "ahead": now + timedelta(minutes=10)}
    events = [event(name) for name in sent]
    for each in events:
        assert each.row
        each.row["event_time"] = sent[each.row["event_id"]]
    kafka.record(events)
    clocks = arrivals(reader, state)
    assert clocks.late is not None
    assert clocks.ahead is not None
    assert clocks.typical is not None
    assert 3600 <= clocks.late < 3660
    assert 540 < clocks.ahead <= 600
    assert 0 <= clocks.typical < 60
    shown = dict(ask(reader, f"SELECT event_id, event_time FROM {LIVE}_now"))  # noqa: S608
    assert shown == sent

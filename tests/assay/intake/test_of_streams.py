"""Slices of streams beside landed files: claimed by a batch, and pending again when that ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay.batch.plan import Plan
from assay.batch.slices import StreamSlice
from assay.batch.states import FAILED
from assay.errors import BatchError
from assay.intake.accept import accept_files
from assay.ledger import deliveries, set_batch_state
from assay.ledger.stream_slices import unclaimed
from assay.operations.abandon import abandon_batch
from assay.operations.reject_file import reject_file
from assay.operations.stream_slices import readmit, reject_pending
from assay.settings import Settings
from builders.accepting import run_of
from builders.deliveries import deliver
from builders.stream_slices import DATASET, HEADER, STREAM, Kafka, event, record_file

if TYPE_CHECKING:
    from conftest import Database

ROW = "l1,2026-11-30 10:00:00,view,17,9.50,1001,s1"


@pytest.fixture
def kafka(settings: Settings, database: Database) -> Kafka:
    held = Kafka(settings, database)
    held.take()
    return held


def accept(settings: Settings, database: Database, name: str = "one", **params: Any) -> Plan:
    run = run_of(name, DATASET, pipeline=DATASET, **params)
    return accept_files(settings, lambda: database.connect(autocommit=True), run)


def land(settings: Settings, folder: Path, name: str, *rows: str) -> None:
    path = folder / name
    path.write_text("\n".join([",".join(HEADER), *rows]) + "\n")
    deliver(Path(settings.landing) / DATASET, [path])


def test_a_batch_claims_what_streams_have_recorded_beside_landed_files(
    settings: Settings, database: Database, kafka: Kafka, tmp_path: Path, said: list[str]
) -> None:
    one, two = kafka.record([event("k1"), event("k2")]), kafka.record([event("k3")])
    by_stream = record_file(settings, database, ["f1"])
    land(settings, tmp_path, "landed.csv", ROW)
    plan = accept(settings, database)
    assert {taken.slice_id: taken.records for taken in plan.slices}.keys() >= {
        one.slice_id,
        two.slice_id,
        by_stream.slice_id,
    }
    assert [taken for taken in plan.slices if isinstance(taken, StreamSlice)] == [one, two]
    assert sum(taken.records for taken in plan.slices) == 5
    assert any("2 files, 2 slices, 5 records accepted" in sentence for sentence in said)
    assert Path(one.path).is_file()
    assert Path(by_stream.path).is_file()
    with database.connect() as connection:
        assert unclaimed(connection, DATASET) == []
        kinds = {d.source_file: d.kind for d in deliveries(connection, plan.batch_id)}
    assert kinds[one.source_file] == "stream"
    assert accept(settings, database) == plan, "a retry gets the plan that is frozen"


def test_a_retry_that_was_cut_off_before_its_plan_finds_its_slices_again(
    settings: Settings, database: Database, kafka: Kafka, tmp_path: Path
) -> None:
    one = kafka.record([event("k1")])
    by_stream = record_file(settings, database, ["f1"])
    land(settings, tmp_path, by_stream.source_file, ROW)  # another file under the same name
    plan = accept(settings, database)
    (Path(plan.folder) / "plan.json").unlink()
    kafka.record([event("k2")])  # is for the next batch
    again = accept(settings, database)
    assert {*map(repr, again.slices)} == {*map(repr, plan.slices)}
    assert one in again.slices


@pytest.mark.parametrize("params", [{"landing_glob": "*.csv"}, {"batch_date": "2026-11-29"}])
def test_a_run_that_asks_for_some_takes_no_other(
    settings: Settings, database: Database, kafka: Kafka, params: dict[str, Any]
) -> None:
    kafka.record([event("k1")])
    assert accept(settings, database, **params).slices == []


def test_a_dry_run_reads_them_and_claims_nothing(
    settings: Settings, database: Database, kafka: Kafka
) -> None:
    one = kafka.record([event("k1")])
    assert accept(settings, database, dry_run=True).slices == [one]
    with database.connect() as connection:
        assert unclaimed(connection, DATASET) == [one]


def test_an_abandoned_batch_leaves_them_where_they_are_for_the_next(
    settings: Settings, database: Database, kafka: Kafka, tmp_path: Path
) -> None:
    one = kafka.record([event("k1")])
    by_stream = record_file(settings, database, ["f1"])
    land(settings, tmp_path, "landed.csv", ROW)
    plan = accept(settings, database)
    with database.connect(autocommit=True) as connection:
        set_batch_state(connection, plan.batch_id, FAILED, error="a gate")
        assert abandon_batch(settings, connection, plan.batch_id, "ann", "a test") == 1
        assert unclaimed(connection, DATASET) == [one, by_stream]
    in_landing = [p.name for p in (Path(settings.landing) / DATASET).iterdir()]
    assert in_landing == ["landed.csv"]
    assert Path(by_stream.path).is_file()
    again = accept(settings, database, "two")
    assert {taken.slice_id for taken in again.slices} >= {one.slice_id, by_stream.slice_id}
    assert Path(by_stream.path).is_file()


def test_a_rejected_slice_is_for_no_batch_until_it_is_readmitted(
    settings: Settings, database: Database, kafka: Kafka
) -> None:
    one, two = kafka.record([event("k1")]), kafka.record([event("k2")])
    plan = accept(settings, database)
    with database.connect(autocommit=True) as connection:
        set_batch_state(connection, plan.batch_id, FAILED, error="a gate")
        reject_file(settings, connection, plan.batch_id, one.slice_id, "odd")
        assert unclaimed(connection, DATASET) == []
        reject_file(settings, connection, plan.batch_id, two.slice_id, "odd too")
        told = "SELECT rejected, live_records FROM ops.stream_slice ORDER BY slice_id"
        why = f"(left out of {plan.batch_id})"
        assert connection.execute(told).fetchall() == [(f"odd {why}", 0), (f"odd too {why}", 0)]
        assert connection.execute("SELECT FROM live.ecommerce_event").fetchall() == []
        assert accept(settings, database).slices == []
        assert Path(one.path).is_file()
        assert accept(settings, database, "two").slices == []
        readmit(settings, connection, DATASET, one.slice_id, "ann", "a mistake")
    assert accept(settings, database, "three").slices == [one]


def test_a_landed_file_that_a_stream_has_taken_already_is_a_duplicate(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    by_stream = record_file(settings, database, ["f1"])
    path = tmp_path / "again.csv"
    path.write_bytes(Path(by_stream.path).read_bytes())
    deliver(Path(settings.landing) / DATASET, [path])
    plan = accept(settings, database)
    assert plan.slices == [by_stream]
    with database.connect() as connection:
        reasons = {d.verdict: d.reason for d in deliveries(connection, plan.batch_id)}
    assert reasons["duplicate"] == f"same content as a file of stream {DATASET}.files"


def test_a_landed_file_of_a_slice_that_was_rejected_is_a_duplicate_and_says_so(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    by_stream = record_file(settings, database, ["f1"])
    with database.connect(autocommit=True) as connection:
        reject_pending(settings, connection, DATASET, by_stream.source_file, "ann", "odd")
        path = tmp_path / "again.csv"
        path.write_bytes(Path(by_stream.path).read_bytes())
        deliver(Path(settings.landing) / DATASET, [path])
        plan = accept(settings, database)
        (again,) = deliveries(connection, plan.batch_id)
    assert (again.verdict, plan.slices) == ("duplicate", [])
    assert "which somebody has set aside: `assay stream readmit`" in again.reason


def test_a_slice_whose_file_is_gone_is_told_and_not_left_out(
    settings: Settings, database: Database, kafka: Kafka
) -> None:
    one = kafka.record([event("k1"), event("k2")])
    Path(one.path).unlink()
    with pytest.raises(BatchError, match=rf"is gone, and holds 2 records .*{STREAM}/1-0"):
        accept(settings, database)

"""A batch that takes slices of streams beside a landed file, through every stage to its release."""

# ruff: noqa: S608  # statements of our own
from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import SparkSession

from assay.batch.plan import Plan
from assay.batch.slices import FileSlice, StreamSlice
from assay.intake.archive import archive_files
from assay.ledger.stream_slices import unclaimed
from assay.ledger.views.batches import batch_reports
from assay.operations.rollback.request import Request
from assay.operations.rollback.run import roll_back
from assay.settings import Settings, load_settings
from builders.attempts import BUILD, Attempts
from builders.audited import once_books_are_read
from builders.deliveries import deliver
from builders.stream_slices import DATASET, HEADER, Kafka, Value, event, record_file

if TYPE_CHECKING:
    from conftest import Database

LIVE, SERVED = "live.ecommerce_event", "serving.ecommerce_event"


@pytest.fixture
def attempts(spark: SparkSession, database: Database, tmp_path: Path) -> Iterator[Attempts]:
    settings = load_settings({"ASSAY_HOME": str(tmp_path / "home")})
    made = Attempts(settings, database.uri(), spark, pipeline=DATASET)
    yield made
    made.end_all()


def ask(attempts: Attempts, query: str) -> list[Any]:
    with attempts.connect() as connection:
        return connection.execute(query).fetchall()


def released(attempts: Attempts, name: str) -> Plan:
    plan = attempts.accept(name)
    attempts.run(plan, *BUILD)
    attempts.publish()
    with attempts.connect() as connection:
        archive_files(attempts.settings, connection, plan)
    return plan


def land(settings: Settings, folder: Path) -> None:
    path = folder / "landed.csv"
    rows = ["l1,2026-11-30 10:00:00,view,17,9.50,1001,s1", "k1,2026-11-30 09:00:00,view,1,1,1,s"]
    path.write_text("\n".join([",".join(HEADER), *rows]) + "\n")
    deliver(Path(settings.landing) / DATASET, [path])


@dataclass
class Taken:
    """The slices of a batch that is released: two of Kafka and a file; `later` is pending."""

    plan: Plan
    one: StreamSlice
    two: StreamSlice
    by_stream: FileSlice
    later: StreamSlice


def release(attempts: Attempts, database: Database, tmp_path: Path) -> Taken:
    """Slices and a landed file as one release; a parked slice is among them."""
    settings = attempts.settings
    kafka = Kafka(settings, database)
    kafka.take()
    one = kafka.record([event("k1"), event("k2"), Value(b"no json"), Value(None)])
    twice_and_late = [event("k3"), event("k2", 2, "8.00")]
    two = kafka.record([event("k2", 5, "7.00"), event("k3"), *twice_and_late])
    by_stream = record_file(settings, database, ["f1", "k3"])
    kafka.record([event("p1")], parked="refused")
    land(settings, tmp_path)
    plan = attempts.accept("one")
    later = kafka.record([event("later")])  # while the batch is at work

    def finish() -> None:
        attempts.run(plan, *BUILD)
        assert len(ask(attempts, f"SELECT FROM {LIVE}")) == 9
        of_view = f"SELECT event_id, price FROM {LIVE}_now WHERE event_id <> 'later' ORDER BY 1"
        before = ask(attempts, of_view)
        attempts.publish()
        served = f"SELECT event_id, price FROM {SERVED} WHERE event_id NOT IN ('l1', 'p1')"
        assert ask(attempts, f"{served} ORDER BY 1") == before, "one row a key, and the same one"
        with attempts.connect() as connection:
            archive_files(settings, connection, plan)

    with pytest.MonkeyPatch.context() as patch:
        once_books_are_read(patch, finish)
        assert attempts.violations() == [], "what a batch does while it is audited is no fault"
    return Taken(plan, one, two, by_stream, later)


def test_slices_and_files_are_one_release_and_their_rows_leave_live(
    attempts: Attempts, database: Database, tmp_path: Path
) -> None:
    taken = release(attempts, database, tmp_path)
    served = f"SELECT event_id, price::text FROM {SERVED} ORDER BY 1"
    assert ask(attempts, served) == [
        *(("f1", "9.50"), ("k1", "9.50"), ("k2", "7.00"), ("k3", "9.50")),
        *(("l1", "9.50"), ("p1", "9.50")),
    ]
    assert ask(attempts, f"SELECT event_id FROM {LIVE}") == [("later",)]
    assert ask(attempts, f"SELECT FROM {LIVE}_errors") == []
    states = ask(attempts, f"SELECT state, count(*) FROM {LIVE}_now GROUP BY 1 ORDER BY 1")
    assert states == [("live", 1), ("released", 6)]
    became = ask(
        attempts,
        "SELECT slice_id, live_records, error_records, new, superseded + duplicate, quarantined,"
        " quarantined_after_live FROM ops.stream_slice_audit WHERE state = 'released'"
        " AND reason IS NULL ORDER BY recorded_at",
    )
    assert became == [
        (taken.one.slice_id, 2, 2, 1, 1, 2, 0),
        (taken.two.slice_id, 4, 0, 2, 2, 0, 0),
        (taken.by_stream.slice_id, 2, 0, 1, 1, 0, 0),
    ]
    quarantined = "SELECT raw FROM ops.quarantine_row ORDER BY record_number"
    assert ask(attempts, quarantined) == [("no json",), ("null",)]
    with attempts.connect() as connection:
        assert unclaimed(connection, DATASET) == [taken.later]
        report = batch_reports(connection, batch=taken.plan.batch_id)[0]
    assert (report.files, report.slices, report.records) == (2, 3, 13)
    assert not Path(taken.one.path).exists()
    assert [*Path(attempts.settings.archive).rglob(taken.two.source_file)]
    assert attempts.violations() == []


@pytest.mark.long
def test_what_is_spoilt_is_found_and_a_rollback_makes_slices_pending(
    attempts: Attempts, database: Database, tmp_path: Path
) -> None:
    taken = release(attempts, database, tmp_path)
    _spoil(attempts, database, taken.one)
    _roll_back(attempts, taken.plan, gives_back=True)
    mine = {taken.one.slice_id, taken.two.slice_id, taken.by_stream.slice_id}
    with attempts.connect() as connection:
        assert {each.slice_id for each in unclaimed(connection, DATASET)} > mine
    assert Path(taken.one.path).is_file()
    in_landing = Path(attempts.settings.landing) / DATASET
    assert [path.name for path in in_landing.iterdir()] == ["landed.csv"]
    assert ask(attempts, f"SELECT event_id FROM {LIVE}") == [("later",)]
    assert attempts.violations() == []

    again = released(attempts, "two")
    assert len(ask(attempts, f"SELECT FROM {SERVED}")) == 7
    assert ask(attempts, f"SELECT FROM {LIVE}") == []
    assert attempts.violations() == []

    _roll_back(attempts, again, gives_back=False)
    with attempts.connect() as connection:
        assert unclaimed(connection, DATASET) == [], "they are set aside with their files"
    assert not Path(taken.one.path).exists()
    assert attempts.violations() == []


def _roll_back(attempts: Attempts, plan: Plan, *, gives_back: bool) -> None:
    request = Request(None, plan.batch_id, "ann", "a test", gives_back)
    epoch = attempts.take_epoch()
    roll_back(attempts.settings, attempts.connect, attempts.uri, DATASET, request, epoch)


def _spoil(attempts: Attempts, database: Database, one: StreamSlice) -> None:
    """Each of these the auditor finds, and it holds again once it is put right."""
    shown = f"SELECT slice_id FROM ops.stream_slice WHERE slice_id = '{one.slice_id}'"
    for wrong, right, told in (
        (
            f"INSERT INTO {LIVE}_errors SELECT slice_id, 1, '{{a}}', 'x' FROM ({shown}) AS one",
            f"DELETE FROM {LIVE}_errors",
            "bad rows of a slice in live: expected 0, found 1",
        ),
        (
            f"UPDATE ops.stream_slice SET released_by = NULL WHERE slice_id IN ({shown})",
            "UPDATE ops.stream_slice AS own SET released_by = batch_id FROM ops.batch_slice AS of"
            f" WHERE of.slice_id = own.slice_id AND own.slice_id IN ({shown})",
            "the batch that released a slice",
        ),
        (
            "UPDATE ops.stream_slice SET records = records + 1, live_records = live_records + 1"
            f" WHERE slice_id IN ({shown})",
            "UPDATE ops.stream_slice SET records = records - 1, live_records = live_records - 1"
            f" WHERE slice_id IN ({shown})",
            "records of a released slice = its classes in ops.row_ledger",
        ),
    ):
        with database.connect("assay_owner", autocommit=True) as owner:
            owner.execute(wrong)
            assert any(told in violation for violation in attempts.violations()), told
            owner.execute(right)
    archived = next(Path(attempts.settings.archive).rglob(one.source_file))
    kept = archived.read_bytes()
    shutil.copyfile(next(Path(attempts.settings.archive).rglob("1-000000000001.parquet")), archived)
    assert any("sha256" in violation for violation in attempts.violations())
    archived.write_bytes(kept)
    assert attempts.violations() == []

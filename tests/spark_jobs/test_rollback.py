"""Releases that are taken back: lake, Postgres, books, quarantine and files are as before."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from deltalake import DeltaTable

from assay.batch.plan import Plan
from assay.contracts.load import load_contract
from assay.errors import BatchError, FencedError
from assay.operations.rollback import Request, find_pipeline, roll_back
from assay.settings import load_settings
from builders.attempts import Attempts, is_stopped, wait_until
from builders.content import hash_delta, hash_postgres
from builders.deliveries import deliver as deliver_files
from builders.deliveries import make_set
from builders.funds import FUNDS, changing_rules, deliver
from spark_jobs.stages.commit import commit_batch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database

FAILPOINTS = [
    "before restoring",
    "after restoring silver.mutual_funds",
    "after restoring",
    "before COMMIT of a rollback",
    "after the release of a rollback",
]


@pytest.fixture
def pipeline(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Attempts]:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    attempts = Attempts(load_settings(), database.uri(), spark, pipeline=FUNDS)
    yield attempts
    attempts.end_all()


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    with changing_rules(tmp_path, monkeypatch) as change:
        yield change


def commit(pipeline: Attempts, name: str, **params: Any) -> Plan:
    plan = pipeline.accept(name, **params)
    first = ["ingest_bronze"] if plan.slices else []
    pipeline.run(plan, *first, "build_silver", "build_gold", "commit")
    return plan


def release(pipeline: Attempts, name: str, **params: Any) -> int:
    commit(pipeline, name, **params)
    return pipeline.publish()[-1].release_id


def undo(
    pipeline: Attempts,
    *,
    to: int | None = None,
    batch: str | None = None,
    gives_back: bool = False,
) -> None:
    request = Request(to, batch, "ann", "a wrong feed", gives_back)
    with pipeline.connect() as connection:
        name = find_pipeline(connection, request)
    epoch = pipeline.take_epoch()
    roll_back(pipeline.settings, pipeline.connect, pipeline.uri, name, request, epoch)


def query(pipeline: Attempts, text: str) -> list[Any]:
    with pipeline.connect() as connection:
        return connection.execute(text).fetchall()


def state_of(pipeline: Attempts) -> dict[str, Any]:
    """What readers, the lake and quarantine hold; no version number, epoch or moment."""
    silver = load_contract("silver", FUNDS)
    with pipeline.connect() as connection:
        serving = hash_postgres(connection, silver, silver.serving)
    rows = "SELECT dataset, batch_id, generation, raw, reasons FROM ops.quarantine_row ORDER BY raw"
    return {
        "silver": hash_delta(pipeline.settings.lake, silver),
        "serving": serving,
        "quarantine": query(pipeline, rows),
        "moved": query(pipeline, "SELECT row_id, how FROM ops.quarantine_movement ORDER BY 1"),
        "ledger": query(pipeline, "SELECT * FROM ops.row_ledger ORDER BY batch_id, slice_id"),
        "release": query(pipeline, "SELECT release_id, batch_id FROM ops.current_release"),
    }


GOOD, BAD = {"fund_id": "1"}, {"fund_id": "2", "holdings": "-1"}
WRONG = {"fund_id": "4", "holdings": "x"}


@pytest.mark.long
def test_release_is_taken_back_and_its_files_are_delivered_again(pipeline: Attempts) -> None:
    deliver(pipeline, "a.jsonl", GOOD, BAD)
    first = release(pipeline, "a")
    before = state_of(pipeline)
    newer = {"fund_id": "1", "holdings": "99", "timestamp": "2027-01-01"}
    delivered = deliver(pipeline, "b.jsonl", newer, {"fund_id": "3"}, WRONG)
    text = delivered.read_text()
    release(pipeline, "b")
    after = state_of(pipeline)
    assert after["serving"] != before["serving"]
    assert pipeline.violations() == []

    undo(pipeline, to=first, gives_back=True)
    assert state_of(pipeline) == before
    assert delivered.read_text() == text
    assert query(pipeline, "SELECT state, error FROM ops.batch WHERE run_id = 'b'") == [
        ("ROLLED_BACK", "rolled back by ann: a wrong feed")
    ]
    assert pipeline.violations() == []

    release(pipeline, "b again")
    again = state_of(pipeline)
    assert (again["silver"], again["serving"]) == (after["silver"], after["serving"])
    assert pipeline.violations() == []
    with pytest.raises(BatchError, match="ROLLED_BACK"):
        pipeline.accept("b")


def test_committed_batch_that_was_never_released_is_undone(pipeline: Attempts) -> None:
    deliver(pipeline, "a.jsonl", GOOD, BAD)
    first = release(pipeline, "a")
    before = state_of(pipeline)
    deliver(pipeline, "b.jsonl", {"fund_id": "3"})
    stuck = commit(pipeline, "b")
    ((older,),) = query(pipeline, "SELECT batch_id FROM ops.batch WHERE run_id = 'a'")
    with pytest.raises(BatchError, match="later batches are built on it"):
        undo(pipeline, batch=older)
    undo(pipeline, batch=stuck.batch_id)
    assert state_of(pipeline) == before
    logs = pipeline.settings.lake.glob("[!b]*/*/_delta_log")  # of all but bronze
    fences = {str(log.parent): DeltaTable(log.parent) for log in logs}
    # That of a table which the batch had not moved keeps out what it may still write.
    assert {table.transaction_version(path) for path, table in fences.items()} == {
        pipeline.take_epoch() - 1
    }
    assert pipeline.violations() == []
    archived = pipeline.settings.archive.rglob("b.jsonl")
    assert [path.name for path in archived] == ["b.jsonl"], "not given back, so kept"
    with pytest.raises(BatchError, match="nothing to roll back"):
        undo(pipeline, to=first)
    with pytest.raises(BatchError, match="is ROLLED_BACK; the lake has nothing of it"):
        undo(pipeline, batch=stuck.batch_id)


def test_first_release_is_taken_back_to_nothing(pipeline: Attempts) -> None:
    deliver(pipeline, "a.jsonl", GOOD, BAD)
    batch = commit(pipeline, "a").batch_id
    pipeline.publish()
    undo(pipeline, batch=batch, gives_back=True)
    found = state_of(pipeline)
    assert (found["quarantine"], found["ledger"], found["release"]) == ([], [], [])
    assert query(pipeline, "SELECT count(*) FROM serving.mutual_funds") == [(0,)]
    assert pipeline.violations() == []
    release(pipeline, "a again")
    assert query(pipeline, "SELECT count(*) FROM serving.mutual_funds") == [(1,)]
    assert pipeline.violations() == []


@pytest.mark.long
def test_rebuild_is_taken_back_with_the_movements_that_it_had_undone(
    pipeline: Attempts, rules: Callable[[str, str], None]
) -> None:
    deliver(pipeline, "a.jsonl", GOOD, {"fund_id": "5", "holdings": "20000000000"})
    release(pipeline, "a")
    rules('maximum: "9000000000"', 'maximum: "30000000000"')
    replayed = release(pipeline, "replay", source="quarantine")
    before = state_of(pipeline)
    assert [how for _, how in before["moved"]] == ["replayed"]
    rules('maximum: "30000000000"', 'maximum: "9000000000"')
    release(pipeline, "rebuild", full_rebuild=True)
    assert state_of(pipeline)["moved"] == []
    rules('maximum: "9000000000"', 'maximum: "30000000000"')
    undo(pipeline, to=replayed)
    assert state_of(pipeline) == before
    assert pipeline.violations() == []


@pytest.mark.long
def test_rollback_that_is_killed_anywhere_is_completed_by_the_next(pipeline: Attempts) -> None:
    deliver(pipeline, "a.jsonl", GOOD, BAD)
    first = release(pipeline, "a")
    before = state_of(pipeline)
    deliver(pipeline, "b.jsonl", {"fund_id": "3"}, WRONG)
    asked = json.dumps(asdict(Request(first, None, "ann", "x", gives_back=True)))
    for number, failpoint in enumerate(FAILPOINTS):
        release(pipeline, f"b{number}")
        victim = pipeline.start_rollback(asked, failpoint=f"{failpoint}:kill")
        assert victim.wait(120) == -9, victim.last_words()
        with pytest.raises(BatchError, match=f"assay release rollback --to {first}"):
            pipeline.accept("c")
        undo(pipeline, to=first, gives_back=True)
        assert state_of(pipeline) == before, failpoint
        waiting = [path.name for path in (pipeline.settings.landing / FUNDS).iterdir()]
        assert waiting == ["b.jsonl"], failpoint
        assert pipeline.violations() == [], failpoint


@pytest.mark.long
@pytest.mark.parametrize("failpoint", [f"before restoring silver.{FUNDS}", "after restoring"])
def test_rollback_that_is_stopped_changes_nothing_when_it_wakes_after_its_successor(
    pipeline: Attempts, failpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_SPARK_LOCK_WAIT", "1")
    deliver(pipeline, "a.jsonl", GOOD, BAD)
    first = release(pipeline, "a")
    before = state_of(pipeline)
    deliver(pipeline, "b.jsonl", {"fund_id": "3"}, WRONG)
    release(pipeline, "b")
    asked = json.dumps(asdict(Request(first, None, "ann", "x", gives_back=False)))
    sleeper = pipeline.start_rollback(asked, failpoint=f"{failpoint}:stop")
    wait_until(lambda: is_stopped(psutil.Process(sleeper.pid)), sleeper)
    with pytest.raises(BatchError, match=f"pid {sleeper.pid} .* is still at work"):
        undo(pipeline, to=first)
    (pipeline.settings.locks / f"{FUNDS}.lock").unlink()  # as on a host that does not share it
    undo(pipeline, to=first)
    assert state_of(pipeline) == before
    sleeper.send_signal(signal.SIGCONT)
    assert sleeper.wait(120) != 0
    assert state_of(pipeline) == before
    assert pipeline.violations() == []


def test_attempt_that_wakes_after_a_rollback_is_fenced(pipeline: Attempts) -> None:
    deliver(pipeline, "a.jsonl", GOOD)
    first = release(pipeline, "a")
    deliver(pipeline, "b.jsonl", {"fund_id": "3"})
    late = commit(pipeline, "b")
    epoch = pipeline.take_epoch()
    undo(pipeline, to=first)
    before = state_of(pipeline)
    with pytest.raises((BatchError, FencedError)):
        commit_batch(pipeline.spark, late, epoch)
    assert state_of(pipeline) == before


@pytest.mark.long
def test_gold_goes_back_with_silver(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    trades = Attempts(load_settings(), database.uri(), spark)
    files = sorted(make_set(tmp_path / "made", files=2, rows=30, seed=5).options.out.iterdir())
    deliver_files(trades.settings.landing / "trades", files[:1])
    trades.run(trades.accept("one"), "ingest_bronze", "build_silver", "build_gold", "commit")
    (first,) = trades.publish()
    before = trades.everything()
    deliver_files(trades.settings.landing / "trades", files[1:])
    trades.run(trades.accept("two"), "ingest_bronze", "build_silver", "build_gold", "commit")
    trades.publish()
    undo(trades, to=first.release_id, gives_back=True)
    after = trades.everything()
    stores = [name for name, found in before.items() if isinstance(found, str)]  # versions grow
    assert len(stores) == 4
    assert {name: after[name] for name in stores} == {name: before[name] for name in stores}
    assert trades.violations() == []

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay import ledger
from assay.airflow_ui.notes import as_note
from assay.batch.inputs import Slices
from assay.batch.plan import GatePolicy, Plan
from assay.errors import BatchError, FencedError
from assay.ledger import Delivery
from builders.ledger_rows import bring_to, commit, release, start_batch
from builders.verdicts import NOT_MET, OVERRIDDEN

if TYPE_CHECKING:
    from conftest import Database

Connection = psycopg.Connection[Any]
ACCEPTED = Delivery("trades", "a.csv", "f1", "accepted", "", 10, 99, ["TradeId"], "accepted/f1.csv")


def ingest_batch_rows(connection: Connection) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        cursor.execute("SELECT * FROM serving.trade_event_ingest_batch ORDER BY id")
        return cursor.fetchall()


def test_each_attempt_takes_the_next_epoch_of_its_pipeline(loader: Connection) -> None:
    assert [ledger.take_epoch(loader, "trades", "me") for _ in range(3)] == [1, 2, 3]
    assert ledger.take_epoch(loader, "finance", "me") == 1


def test_epochs_taken_at_once_are_all_different(database: Database) -> None:
    taken: list[int] = []

    def take() -> None:
        with database.connect(autocommit=True) as connection:
            taken.extend(ledger.take_epoch(connection, "trades", "me") for _ in range(20))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 81))


def test_older_epoch_is_fenced_with_both_epochs_and_the_holder(loader: Connection) -> None:
    old = ledger.take_epoch(loader, "trades", "the first")
    new = ledger.take_epoch(loader, "trades", "the second")
    with loader.transaction():
        ledger.require_epoch(loader, "trades", new)
    with (
        pytest.raises(FencedError, match="has epoch 1, but the second took epoch 2"),
        loader.transaction(),
    ):
        ledger.require_epoch(loader, "trades", old)
    with pytest.raises(FencedError, match="there is no lease"), loader.transaction():
        ledger.require_epoch(loader, "unknown", 1)


def test_nobody_takes_over_while_the_epoch_is_required(
    database: Database, loader: Connection
) -> None:
    epoch = ledger.take_epoch(loader, "trades", "me")
    with database.connect(autocommit=True) as other:
        other.execute("SET lock_timeout = '200ms'")
        with loader.transaction():
            ledger.require_epoch(loader, "trades", epoch)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                ledger.take_epoch(other, "trades", "another")
        assert ledger.take_epoch(other, "trades", "another") == epoch + 1


def test_a_run_comes_after_those_whose_batches_were_registered_before_its_own(
    loader: Connection,
) -> None:
    start_batch(loader, "b1", "EMPTY")
    start_batch(loader, "tried", "DRY_RUN")
    start_batch(loader, "elsewhere", pipeline="finance")
    start_batch(loader, "b2")
    assert ledger.runs_before(loader, "trades", "b3") == ["run of b2", "run of b1"]
    assert ledger.runs_before(loader, "trades", "b2") == ["run of b1"]
    assert ledger.runs_before(loader, "trades", "b1") == []


def test_starting_a_batch_again_keeps_its_state(loader: Connection) -> None:
    start_batch(loader, "b1", "COMMITTED")
    start_batch(loader, "b1")
    assert ledger.batch_state(loader, "b1") == "COMMITTED"
    assert ledger.batch_state(loader, "b2") is None


def test_unknown_batch_is_refused_by_name(loader: Connection) -> None:
    with pytest.raises(BatchError, match="b9: no such batch"):
        ledger.set_batch_state(loader, "b9", "FAILED")


def test_failed_batch_keeps_its_error_until_it_runs_again(loader: Connection) -> None:
    start_batch(loader, "b1")
    query = "SELECT state, error, finished_at IS NULL FROM ops.batch"
    ledger.set_batch_state(loader, "b1", "FAILED", error="the gate said no")
    assert loader.execute(query).fetchall() == [("FAILED", "the gate said no", False)]
    ledger.set_batch_state(loader, "b1", "RUNNING")
    assert loader.execute(query).fetchall() == [("RUNNING", None, True)]


@pytest.mark.parametrize("state", ["COMMITTING", "COMMITTED", "PUBLISHED"])
def test_batch_in_the_lake_cannot_fail_or_be_abandoned(loader: Connection, state: str) -> None:
    start_batch(loader, "b1", state)
    ledger.fail_batch(loader, "b1", "Postgres was away", epoch=1)
    assert ledger.batch_state(loader, "b1") == state
    assert loader.execute("SELECT error FROM ops.batch").fetchall() == [("Postgres was away",)]
    with pytest.raises(BatchError, match=f"b1: is {state}.*assay release rollback"):
        ledger.set_batch_state(loader, "b1", "ABANDONED")


@pytest.mark.parametrize("state", ["RUNNING", "COMMITTING"])
def test_abandoned_batch_cannot_be_resumed(loader: Connection, state: str) -> None:
    start_batch(loader, "b1")
    ledger.set_batch_state(loader, "b1", "ABANDONED", error="abandoned by me: wrong file")
    with pytest.raises(BatchError, match="b1: is ABANDONED"):
        ledger.resume_batch(loader, "b1", state)
    ledger.fail_batch(loader, "b1", "commit: was abandoned", epoch=1)
    found = loader.execute("SELECT state, error FROM ops.batch").fetchall()
    assert found == [("ABANDONED", "abandoned by me: wrong file")]


def test_late_end_of_an_older_attempt_fails_no_batch(loader: Connection) -> None:
    """F29: the older attempt was taken for dead, and the newer one is at work."""
    start_batch(loader, "b1")
    start_batch(loader, "b2")
    for batch_id, epoch in (("b1", 3), ("b1", 4), ("b2", 5)):
        ledger.start_task(
            loader, batch_id=batch_id, task_id="commit", epoch=epoch, try_number=epoch
        )
    ledger.fail_batch(loader, "b1", "commit: the connection is gone", epoch=3)
    assert loader.execute("SELECT state, error FROM ops.batch ORDER BY 1 LIMIT 1").fetchall() == [
        ("RUNNING", None)
    ]
    ledger.fail_batch(loader, "b1", "commit: the disk is full", epoch=4)
    assert loader.execute(
        "SELECT state, error FROM ops.batch WHERE batch_id = 'b1'"
    ).fetchall() == [("FAILED", "commit: the disk is full")]


def test_empty_batch_that_says_why_stays_empty(loader: Connection) -> None:
    for batch_id, error, state in (("b1", None, "FAILED"), ("b2", "held", "EMPTY")):
        start_batch(loader, batch_id)
        ledger.set_batch_state(loader, batch_id, "EMPTY", error=error)
        ledger.fail_batch(loader, batch_id, "accept_files: held", epoch=1)
        assert ledger.batch_state(loader, batch_id) == state


def test_note_of_a_run_has_no_markup_of_others(loader: Connection) -> None:
    """F31: the name of a file is in summaries and errors."""
    start_batch(loader, "b1")
    name = "![x](y).csv"
    ledger.start_task(loader, batch_id="b1", task_id="accept_files", epoch=1, try_number=1)
    ledger.finish_task(
        loader, batch_id="b1", task_id="accept_files", epoch=1, state="FAILED",
        summary=f"accept_files: {name} rejected", error=name,
    )  # fmt: skip
    ledger.fail_batch(loader, "b1", f"accept_files: {name}\n# bad", epoch=1)
    run_id = loader.execute("SELECT run_id FROM ops.batch").fetchall()[0][0]
    note = as_note(ledger.summary_of_run(loader, "trades", run_id))
    assert note.splitlines()[0].startswith("FAILED: accept_files: !\\[x\\](y).csv # bad. Next:")
    assert note.splitlines()[-1] == "- accept_files: !\\[x\\](y).csv rejected"


def test_committed_batches_are_released_by_epoch_whatever_the_clock_says(
    loader: Connection,
) -> None:
    for batch_id in ("b1", "b2", "b3"):
        start_batch(loader, batch_id)
    for epoch, batch_id in enumerate(("b3", "b1", "b2")):
        commit(loader, batch_id, epoch)
    loader.execute("UPDATE ops.batch SET committed_at = now() - number * interval '1 day'")
    ledger.fail_batch(loader, "b3", "publish failed", epoch=3)
    ledger.set_batch_state(loader, "b1", "PUBLISHED")
    assert ledger.committed_unreleased(loader, "trades") == ["b3", "b2"]
    assert ledger.batches_in_state(loader, "trades", ["COMMITTED"]) == ["b2", "b3"]


def test_rebuild_counts_as_the_generation_once_it_is_committed(loader: Connection) -> None:
    assert ledger.current_generation(loader, "trades") == 1
    assert ledger.next_generation(loader, "trades") == 1
    start_batch(loader, "b1")
    start_batch(loader, "b2", generation=2)
    assert ledger.current_generation(loader, "trades") == 1
    assert ledger.next_generation(loader, "trades") == 3
    bring_to(loader, "b2", "COMMITTED")
    assert ledger.current_generation(loader, "trades") == 2


def test_deliveries_come_back_as_recorded_and_a_new_verdict_replaces(loader: Connection) -> None:
    start_batch(loader, "b1")
    odd = Delivery("trades", 'b "x"\n.csv', "f2", "rejected", "unclosed quote in line 7")
    ledger.record_deliveries(loader, "b1", [ACCEPTED, odd])
    assert ledger.deliveries(loader, "b1") == [ACCEPTED, odd]
    duplicate = replace(ACCEPTED, verdict="duplicate", reason="seen in b0")
    ledger.record_deliveries(loader, "b1", [duplicate])
    assert ledger.deliveries(loader, "b1") == [duplicate, odd]


def test_content_is_held_by_the_live_batch_that_accepted_it(loader: Connection) -> None:
    start_batch(loader, "b1")
    rejected = Delivery("trades", "r.csv", "f2", "rejected", "empty")
    ledger.record_deliveries(loader, "b1", [ACCEPTED, rejected])
    asked = [("trades", "f1"), ("trades", "f2"), ("stocks", "f1")]
    assert ledger.batch_holding(loader, asked, besides="b2") == {("trades", "f1"): "b1"}
    assert ledger.batch_holding(loader, asked, besides="b1") == {}
    ledger.set_batch_state(loader, "b1", "ABANDONED")
    assert ledger.batch_holding(loader, asked, besides="b2") == {}


def test_attempt_that_never_reported_is_lost_when_the_next_begins(loader: Connection) -> None:
    for epoch in (3, 4):
        ledger.start_task(loader, batch_id="b1", task_id="commit", epoch=epoch, try_number=epoch)
    ledger.start_task(loader, batch_id="b1", task_id="publish", epoch=5, try_number=1)
    ledger.finish_task(
        loader,
        batch_id="b1",
        task_id="commit",
        epoch=4,
        state="SUCCESS",
        summary="committed",
        metrics={"rows": 2},
    )
    attempts = ledger.task_summaries(loader, "b1")
    assert [(a.task_id, a.epoch, a.state) for a in attempts] == [
        ("commit", 3, "LOST"),
        ("commit", 4, "SUCCESS"),
        ("publish", 5, "RUNNING"),
    ]
    assert (attempts[1].summary, attempts[1].metrics) == ("committed", {"rows": 2})
    assert attempts[1].seconds is not None
    assert attempts[2].seconds is None


def test_end_of_an_attempt_that_never_began_is_refused(loader: Connection) -> None:
    with pytest.raises(BatchError, match="task commit with epoch 4 was never started"):
        ledger.finish_task(loader, batch_id="b1", task_id="commit", epoch=4, state="FAILED")


def test_verdicts_of_one_attempt_replace_themselves(loader: Connection) -> None:
    failing = [{"trade_id": "T1", "record_number": 7}]
    verdict = replace(NOT_MET, observed="0.25", unexpected_count=2, failing=failing)
    other = replace(verdict, expectation="x")
    ledger.record_validation(loader, "b1", 1, "silver", [verdict, other])
    ledger.record_validation(loader, "b1", 1, "silver", [verdict])
    ledger.record_validation(loader, "b1", 2, "silver", [replace(verdict, success=True)])
    query = "SELECT epoch, success, observed, failing FROM ops.validation_result ORDER BY epoch"
    assert loader.execute(query).fetchall() == [
        (1, False, "0.25", failing),
        (2, True, "0.25", failing),
    ]


def test_override_without_a_name_and_a_reason_is_refused(loader: Connection) -> None:
    verdict = replace(OVERRIDDEN, override_reason="")
    with pytest.raises(psycopg.errors.CheckViolation):
        ledger.record_validation(loader, "b1", 1, "silver", [verdict])


def test_release_of_the_same_versions_is_found_and_cannot_be_made_twice(loader: Connection) -> None:
    start_batch(loader, "b1")
    made = release(loader, "b1", {"silver.trades": 3, "gold.x": 1})
    assert ledger.find_release(loader, "b1", {"gold.x": 1, "silver.trades": 3}) == made
    assert ledger.find_release(loader, "b1", {"gold.x": 1, "silver.trades": 4}) is None
    with pytest.raises(psycopg.errors.UniqueViolation):
        release(loader, "b1", {"gold.x": 1, "silver.trades": 3})


def test_dry_run_leaves_one_batch_row_and_no_ingest_batch(loader: Connection) -> None:
    plan = Plan(
        batch_id="b1",
        pipeline="trades",
        datasets=["trades"],
        run_id="r",
        batch_date="2026-01-01",
        input=Slices([]),
        active=["trades"],
        commit=False,
        generation=1,
        gate_policy=GatePolicy(),
        folder="/x",
        lake="/x",
        bronze_lake="/x",
    )
    ledger.record_dry_run(loader, plan, run_type="manual", summary={"new": 3})
    query = "SELECT state, summary FROM ops.batch"
    assert loader.execute(query).fetchall() == [("DRY_RUN", {"new": 3})]
    assert ledger.next_generation(loader, "trades") == 1


def test_ingest_batch_view_tells_the_true_status_start_and_end(loader: Connection) -> None:
    start_batch(loader, "b1")
    ledger.record_deliveries(
        loader, "b1", [ACCEPTED, Delivery("trades", "r.csv", "f2", "rejected", "no header")]
    )
    (row,) = ingest_batch_rows(loader)
    assert row["file_name"] == "a.csv"
    assert row["row_count"] == 10
    assert (row["ingest_status"], row["concurrent_number"]) == ("RUNNING", None)
    assert row["ingest_end_date_time"] is None
    for task_id, epoch in (("bronze.ingest_bronze", 2), ("ingest_bronze", 5), ("publish", 9)):
        ledger.start_task(loader, batch_id="b1", task_id=task_id, epoch=epoch, try_number=1)
    ledger.set_batch_state(loader, "b1", "FAILED", error="gate")
    (failed,) = ingest_batch_rows(loader)
    assert (failed["ingest_status"], failed["concurrent_number"]) == ("FAILED", 5)
    assert failed["ingest_end_date_time"] > failed["ingest_start_date_time"]
    released = release(loader, "b1", {"silver.trades": 1})
    (completed,) = ingest_batch_rows(loader)
    assert completed["ingest_status"] == "COMPLETED"
    assert completed["ingest_end_date_time"] == released.released_at
    assert completed["id"] == row["id"]

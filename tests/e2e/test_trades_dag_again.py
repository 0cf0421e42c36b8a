"""More runs of the trades DAG: with nothing new, cleared, and with an increment."""

from __future__ import annotations

from collections import Counter

import pytest

from builders.content import GOLD, SILVER, hash_delta, hash_postgres, read_delta
from builders.gold_oracle import require_gold_of_silver
from builders.running_stack import STAGES, Batch, RunningStack

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_a_second_run_waits_for_the_first_and_has_nothing_new(
    stack: RunningStack, first_batch: Batch
) -> None:
    before = stack.everything()
    waited = stack.succeed(stack.wait(first_batch.waiting_run))
    ((batch_id, state),) = [stack.batch_of(waited.run_id)]
    assert state == "EMPTY"
    ((first_end, second_start),) = stack.query(
        "SELECT (SELECT max(finished_at) FROM ops.batch_task WHERE batch_id = %s),"
        " (SELECT min(started_at) FROM ops.batch_task WHERE batch_id = %s)",
        [first_batch.batch_id, batch_id],
    )
    assert first_end <= second_start
    states = {task.task_id: task.state for task in waited.tasks}
    assert {states[stage] for stage in STAGES[1 : STAGES.index("publish")]} == {"skipped"}
    assert stack.everything() == before


def test_clearing_every_task_of_the_newest_batch_changes_nothing(
    stack: RunningStack, first_batch: Batch
) -> None:
    before = stack.everything()
    stack.runs.clear(first_batch.run.run_id, "accept_files")
    again = stack.succeed(stack.wait(first_batch.run.run_id))
    assert [task.state for task in again.tasks] == ["success"] * len(STAGES)
    assert [task.try_number for task in again.tasks] == [2] * len(STAGES)
    assert stack.everything() == before
    bronze = read_delta(stack.settings.lake, "bronze.trades")
    assert bronze.num_rows == first_batch.truth.records
    assert stack.pending() == []


def test_a_killed_job_is_tried_again_by_airflow(stack: RunningStack, second_batch: Batch) -> None:
    tries = {task.task_id: task.try_number for task in second_batch.run.tasks}
    assert tries == {stage: 2 if stage == "ingest_bronze" else 1 for stage in STAGES}
    attempts = stack.query(
        "SELECT state FROM ops.batch_task WHERE batch_id = %s AND task_id = 'ingest_bronze'"
        " ORDER BY epoch",
        [second_batch.batch_id],
    )
    assert attempts == [("FAILED",), ("SUCCESS",)]


def test_two_batches_are_what_all_files_at_once_would_be(
    stack: RunningStack, second_batch: Batch
) -> None:
    truth = second_batch.truth
    assert hash_delta(stack.settings.lake, SILVER) == truth.content_hash
    with stack.connect() as connection:
        assert hash_postgres(connection, SILVER, SILVER.serving) == truth.content_hash
        require_gold_of_silver(stack.settings.lake, connection, GOLD)
    rows = read_delta(stack.settings.lake, "quarantine.trades").to_pylist()
    assert Counter(r for row in rows for r in row["reasons"]) == truth.reasons


def test_the_ledger_of_both_batches_adds_up(
    stack: RunningStack, first_batch: Batch, second_batch: Batch
) -> None:
    truth = second_batch.truth
    ((records, new, good, quarantined),) = stack.query(
        "SELECT sum(records)::int, sum(new)::int,"
        " sum(new + updated + duplicate + superseded)::int, sum(quarantined)::int"
        " FROM ops.row_ledger WHERE batch_id = ANY(%s)",
        [[first_batch.batch_id, second_batch.batch_id]],
    )
    assert (records, new, good, quarantined) == (
        truth.records,
        truth.silver_rows,
        truth.good,
        truth.quarantined,
    )
    ((updated, superseded),) = stack.query(
        "SELECT sum(updated)::int, sum(superseded)::int FROM ops.row_ledger WHERE batch_id = %s",
        [second_batch.batch_id],
    )
    assert updated > 0
    assert superseded > 0


def test_a_batch_that_later_ones_are_built_on_is_left_alone(
    stack: RunningStack, first_batch: Batch, second_batch: Batch
) -> None:
    before = stack.everything()
    stack.runs.clear(first_batch.run.run_id, "build_silver")
    again = stack.wait(first_batch.run.run_id)
    states = {task.task_id: task.state for task in again.tasks}
    assert states["build_silver"] == "skipped"
    assert again.state == "success"
    assert stack.everything() == before

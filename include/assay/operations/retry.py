"""Bringing a stuck batch to its end: which task has to run again."""

from __future__ import annotations

from assay.airflow_client.runs import AirflowRuns, RunState
from assay.batch.plan import read_plan
from assay.batch.stage_results import read_ingest
from assay.batch.states import CLOSED, COMMITTED, COMMITTING
from assay.errors import BatchError
from assay.ledger import batch_state, run_of_batch
from assay.ledger.query import Connection
from assay.settings import Settings

# What was built on older tables must be built again, so a batch never resumes after these.
REBUILT_FROM = ("build_silver", "build_gold")
RESUMES_AT = {COMMITTING: "commit", COMMITTED: "publish"}


def retry_batch(settings: Settings, connection: Connection, batch_id: str) -> str:
    """Clear the task that the batch has to resume at, and all after it; returns the task.

    Raises BatchError when the batch has nothing left to do.
    """
    run = run_of_batch(connection, batch_id)
    state = batch_state(connection, batch_id)
    if state in CLOSED:
        raise BatchError(f"{batch_id}: is {state}; there is nothing to retry")
    runs = AirflowRuns(settings, run.pipeline)
    if state in RESUMES_AT:
        task_id = RESUMES_AT[state]
    elif _bronze_differs(settings, batch_id):
        task_id = "ingest_bronze"
    else:
        task_id = _first_unfinished(runs.state(run.run_id))
    runs.clear(run.run_id, task_id)
    return task_id


def _bronze_differs(settings: Settings, batch_id: str) -> bool:
    """True when bronze was filled from other files than the plan has now, after a reject-file."""
    folder = settings.batches / batch_id
    try:
        plan = read_plan(folder / "plan.json")
        ingested = read_ingest(str(folder)).datasets
    except BatchError:
        return False
    found = {slice_id for dataset in ingested.values() for slice_id in dataset.records}
    return not found <= {file.slice_id for file in plan.slices}


def _first_unfinished(run: RunState) -> str:
    for task in run.tasks:
        if task.state not in ("success", "skipped") or task.task_id in REBUILT_FROM:
            return task.task_id
    return REBUILT_FROM[0]

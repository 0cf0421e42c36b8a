"""Runs of DAGs that a person starts, followed to their end, and what became of their batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path

import psycopg

from assay.airflow_client.follow import Watch, follow_everything, follow_run
from assay.airflow_client.runs import (
    AirflowRuns,
    RunState,
    TaskState,
)
from assay.contracts.pipelines import all_pipelines
from assay.errors import AssayError
from assay.home.dsn import dsn
from assay.ledger.views.batches import BatchReport, batch_reports
from assay.settings import Settings
from assay.words import Say

SHOWN_ERROR_LINES = 15
SCHEDULER_SECONDS = 5.0  # within which a release has started what waits for it


@dataclass(frozen=True)
class FollowedRuns:
    """The runs that were followed to their end, and the batches that they made."""

    runs: list[RunState]
    reports: list[BatchReport]

    @property
    def failed(self) -> list[RunState]:
        return [run for run in self.runs if run.state == "failed"]


def run_everything(settings: Settings, watch: Watch) -> FollowedRuns:
    """Run every pipeline that has files, beside those that their releases start."""
    since = database_time(settings)
    pipelines = {AirflowRuns(settings, each.name): each for each in all_pipelines().values()}
    for runs in pipelines:
        runs.unpause()
    wanted = {
        runs: [runs.trigger({})] if pipeline.trigger == "files" else []
        for runs, pipeline in pipelines.items()
    }
    followed = follow_everything(wanted, watch, linger=SCHEDULER_SECONDS)
    reports = [
        report for dag_id in all_pipelines() for report in read_reports(settings, dag_id, since)
    ]
    return FollowedRuns(followed, reports)


def run_pipeline(
    settings: Settings,
    conf: Mapping[str, object],
    watch: Watch,
    say: Say,
    dag_id: str,
    timeout: float = inf,
) -> FollowedRuns:
    """Trigger the DAG, and follow the run to its end, or for `timeout` seconds.

    The reports are those of its batch and, since one of them may have taken its files, of the
    runs that it had to wait for.
    """
    runs = AirflowRuns(settings, dag_id)
    since = database_time(settings)
    runs.unpause()
    run, waited_for = follow_run(runs, runs.trigger(conf), watch, say, timeout)
    told = {run.run_id, *waited_for}
    reports = [each for each in read_reports(settings, dag_id, since) if each.run_id in told]
    return FollowedRuns([run], reports)


def explain_failure(settings: Settings, run: RunState) -> str:
    """The failing task, its last error lines, and its log file."""
    dag_id = run.dag_id
    task = next((task for task in run.tasks if task.state == "failed"), None)
    if task is None:
        return f"run {run.run_id} failed before any task did; see {settings.logs}"
    lines = AirflowRuns(settings, dag_id).log_lines(run.run_id, task)
    shown = "\n".join(f"  {line}" for line in lines[-SHOWN_ERROR_LINES:])
    return f"{dag_id}: task {task.task_id} failed (try {task.try_number}):\n{shown}\nlog: " + str(
        task_log(settings, dag_id, run.run_id, task)
    )


def task_log(settings: Settings, dag_id: str, run_id: str, task: TaskState) -> Path:
    """Where Airflow keeps the log of a task's try."""
    folder = settings.logs / "tasks" / f"dag_id={dag_id}" / f"run_id={run_id}"
    return folder / f"task_id={task.task_id}" / f"attempt={task.try_number}.log"


def read_reports(
    settings: Settings, dag_id: str | None = None, since: datetime | None = None
) -> list[BatchReport]:
    """Reports of a pipeline's batches, or of all, as the reader role sees them."""
    with psycopg.connect(dsn(settings, "assay_reader")) as connection:
        return batch_reports(connection, dag_id, since)


def database_time(settings: Settings) -> datetime:
    """The clock that batches are stamped with."""
    with psycopg.connect(dsn(settings, "assay_reader")) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    if row is None:
        raise AssayError("Postgres told no time")
    moment: datetime = row[0]
    return moment

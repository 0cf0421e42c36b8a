"""Runs of the real DAG in the real Airflow, with their times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg

from assay import ledger
from assay.airflow_runs import RunState
from assay.bench.figures import Breakdown
from assay.bench.workbench import Workbench, deliver
from assay.demo import PIPELINE, explain_failure, run_pipeline
from assay.errors import StackError
from assay.ledger.tasks import TaskAttempt
from assay.settings import Settings
from assay.stack.airflow import api_client
from assay.stack.postgres import dsn


@dataclass(frozen=True)
class DagRun:
    """One run: seconds from its trigger to its end, and what its batch was."""

    seconds: float
    batch_id: str
    state: str
    classes: dict[str, int]


def run_dag(bench: Workbench) -> DagRun:
    """Trigger the DAG, wait for its end, and time it by Airflow's own clock.

    Raises StackError when the run fails.
    """
    followed = run_pipeline(bench.settings, {}, _tell(bench))
    if followed.failed:
        raise StackError(explain_failure(bench.settings, followed.failed[0]))
    if len(followed.runs) != 1 or len(followed.reports) != 1:
        raise StackError("another run of the DAG came between; run this part again")
    report = followed.reports[0]
    seconds = _seconds(bench.settings, followed.runs[0].run_id)
    return DagRun(seconds, report.batch_id, report.state, report.classes)


def load_everything(bench: Workbench) -> DagRun:
    """The first load: all files into an empty home, once per run of the bench."""
    if "first load" in bench.made:
        known: DagRun = bench.made["first load"]
        return known
    files = bench.full_files()
    bench.prepare_spark()
    bench.start_airflow()
    bench.say("a run without files, so that the schedule's own first run is over")
    run_pipeline(bench.settings, {}, _tell(bench))
    deliver(files, bench.settings.landing / "trades")
    bench.say(f"loading {bench.truth.records:,} trades through the DAG")
    first = run_dag(bench)
    if first.state != "PUBLISHED" or first.classes != bench.truth.classes:
        raise StackError(f"{first.batch_id}: {first.state} {first.classes}, not as generated")
    bench.made["first load"] = first
    return first


def task_breakdown(bench: Workbench, run: DagRun) -> Breakdown:
    """Where the time of a run went, task by task."""
    with psycopg.connect(dsn(bench.settings, "assay_reader")) as connection:
        attempts = ledger.task_summaries(connection, run.batch_id)
    rows = [_row(attempt, run.seconds) for attempt in attempts if attempt.state == "SUCCESS"]
    between = run.seconds - sum(attempt.seconds or 0 for attempt in attempts)
    rows.append(["between the tasks", f"{between:.1f}", "", f"{between / run.seconds:.0%}"])
    rows.append(["whole run", f"{run.seconds:.1f}", "", "100%"])
    columns = ("task", "seconds", "of these in the Spark stage", "share")
    return Breakdown("where the time of the first load goes", columns, rows)


def _row(attempt: TaskAttempt, whole: float) -> list[str]:
    seconds = attempt.seconds or 0.0
    inside = (attempt.metrics or {}).get("seconds")
    own = "" if inside is None else f"{inside:.1f}"
    return [attempt.task_id, f"{seconds:.1f}", own, f"{seconds / whole:.0%}"]


def _seconds(settings: Settings, run_id: str) -> float:
    with api_client(settings) as api:
        run = api.get(f"/api/v2/dags/{PIPELINE}/dagRuns/{run_id}").raise_for_status().json()
    ended = datetime.fromisoformat(run["end_date"])
    return (ended - datetime.fromisoformat(run["queued_at"])).total_seconds()


def _tell(bench: Workbench) -> Callable[[RunState], None]:
    """One line for each task that has ended."""
    told: set[tuple[str, str]] = set()

    def watch(run: RunState) -> None:
        for task in run.tasks:
            key = (run.run_id, task.task_id)
            if task.state in ("success", "failed") and key not in told:
                told.add(key)
                bench.say(f"  {task.task_id} {task.state} {task.seconds or 0:.1f} s")

    return watch

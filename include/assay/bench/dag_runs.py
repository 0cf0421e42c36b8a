"""Runs of the real DAG in the real Airflow, with their times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg

from assay import ledger
from assay.airflow_client.api import api_client
from assay.airflow_client.follow import follow_everything
from assay.airflow_client.runs import AirflowRuns, RunState
from assay.batch.states import PUBLISHED
from assay.bench.figures import Breakdown
from assay.bench.timeline import Timeline, timeline
from assay.bench.workbench import PIPELINE, Workbench, deliver
from assay.contracts.pipelines import find_pipeline
from assay.errors import StackError
from assay.home.dsn import dsn
from assay.ledger.tasks import TaskAttempt
from assay.operations.runs import explain_failure, run_pipeline
from assay.settings import Settings


@dataclass(frozen=True)
class DagRun:
    """One run: when its tasks ran, by Airflow's own clock, and what its batch was."""

    timeline: Timeline
    batch_id: str
    state: str
    classes: dict[str, int]
    queries: int
    commits: int

    @property
    def seconds(self) -> float:
        """From its trigger to its end."""
        return self.timeline.seconds

    @property
    def asked(self) -> str:
        """What it asked of Spark, in words."""
        return f"{self.queries} queries, {self.commits} versions of Delta tables"


def run_dag(bench: Workbench, pipeline: str = PIPELINE) -> DagRun:
    """Trigger the DAG, and wait for its end. Raises StackError when the run fails."""
    followed = run_pipeline(bench.settings, {}, tell(bench), bench.say, pipeline)
    if followed.failed:
        raise StackError(explain_failure(bench.settings, followed.failed[0]))
    if len(followed.reports) != 1:
        raise StackError("another run of the DAG came between; run this part again")
    report = followed.reports[0]
    ran = _read_timeline(bench.settings, pipeline, followed.runs[0].run_id, report.batch_id)
    metrics = [a.metrics or {} for a in _attempts(bench.settings, report.batch_id)]
    queries, commits = (sum(m.get(what, 0) for m in metrics) for what in ("queries", "commits"))
    return DagRun(ran, report.batch_id, report.state, report.classes, queries, commits)


def load_everything(bench: Workbench, pipeline: str = PIPELINE) -> DagRun:
    """The first load: all files of a pipeline into an empty home, once per run of the bench."""
    bench.prepare_spark()
    bench.start_airflow()
    made = f"first load of {pipeline}"
    if made in bench.made:
        known: DagRun = bench.made[made]
        return known
    datasets = find_pipeline(pipeline).datasets
    truths = [bench.truth_of(dataset) for dataset in datasets]
    run_without_files(bench, pipeline)
    for dataset in datasets:
        deliver(bench.full_files(dataset=dataset), bench.settings.landing / dataset)
    records = sum(truth.records for truth in truths)
    bench.say(f"{pipeline}: loading {records:,} records through the DAG")
    first = run_dag(bench, pipeline)
    expected = sum((Counter(truth.classes) for truth in truths), Counter[str]())
    if first.state != PUBLISHED or +Counter(first.classes) != +expected:
        raise StackError(f"{first.batch_id}: {first.state} {first.classes}, not as generated")
    bench.made[made] = first
    return first


def run_without_files(bench: Workbench, pipeline: str) -> None:
    """Have the schedule's own first run be over."""
    bench.say(f"{pipeline}: a run without files, so that the schedule's own first run is over")
    runs = AirflowRuns(bench.settings, pipeline)
    runs.unpause()
    follow_everything({runs: [runs.trigger({})]}, tell(bench))


def task_breakdown(bench: Workbench, run: DagRun) -> Breakdown:
    """Where the time of a run went, task by task."""
    attempts = _attempts(bench.settings, run.batch_id)
    rows = [_row(attempt, run.seconds) for attempt in attempts if attempt.state == "SUCCESS"]
    between = run.seconds - sum(attempt.seconds or 0 for attempt in attempts)
    rows.append(["between the tasks", f"{between:.1f}", "", f"{between / run.seconds:.0%}"])
    rows.append(["whole run", f"{run.seconds:.1f}", "", "100%"])
    columns = ("task", "seconds", "of these in the Spark stage", "share")
    return Breakdown("where the time of the first load goes", columns, rows)


def _attempts(settings: Settings, batch_id: str) -> list[TaskAttempt]:
    with psycopg.connect(dsn(settings, "assay_reader")) as connection:
        return ledger.task_summaries(connection, batch_id)


def _row(attempt: TaskAttempt, whole: float) -> list[str]:
    seconds = attempt.seconds or 0.0
    inside = (attempt.metrics or {}).get("seconds")
    own = "" if inside is None else f"{inside:.1f}"
    return [attempt.task_id, f"{seconds:.1f}", own, f"{seconds / whole:.0%}"]


def _read_timeline(settings: Settings, dag_id: str, run_id: str, batch_id: str) -> Timeline:
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
    with api_client(settings) as api:
        run = api.get(path).raise_for_status().json()
        listed = api.get(f"{path}/taskInstances").raise_for_status().json()
    moment = datetime.fromisoformat
    tasks = [
        (task["task_id"], moment(task["start_date"]), moment(task["end_date"]))
        for task in listed["task_instances"]
    ]
    inside = {
        attempt.task_id: attempt.metrics["seconds"]
        for attempt in _attempts(settings, batch_id)
        if attempt.metrics and "seconds" in attempt.metrics
    }
    return timeline(moment(run["queued_at"]), tasks, moment(run["end_date"]), inside)


def tell(bench: Workbench) -> Callable[[RunState], None]:
    """One line for each task that has ended."""
    told: set[tuple[str, str]] = set()

    def watch(run: RunState) -> None:
        for task in run.tasks:
            key = (run.run_id, task.task_id)
            if task.state in ("success", "failed") and key not in told:
                told.add(key)
                bench.say(f"  {task.task_id} {task.state} {task.seconds or 0:.1f} s")

    return watch

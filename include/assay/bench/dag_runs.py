"""Runs of the real DAG in the real Airflow, with their times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from assay.airflow_client.api import api_client
from assay.airflow_client.follow import follow_everything, follow_run
from assay.airflow_client.runs import AirflowRuns, RunState
from assay.batch.states import PUBLISHED
from assay.bench.figures import Breakdown
from assay.bench.timeline import Timeline, timeline
from assay.bench.workbench import PIPELINE, Booked, Workbench, deliver
from assay.contracts.pipelines import find_pipeline
from assay.errors import StackError
from assay.ledger.tasks import TaskAttempt
from assay.operations.runs import explain_failure
from assay.settings import Settings


@dataclass(frozen=True)
class DagRun(Booked):
    """One run: what its batch was, and when its tasks ran, by Airflow's own clock."""

    timeline: Timeline

    @property
    def seconds(self) -> float:
        """From its trigger to its end."""
        return self.timeline.seconds

    @property
    def asked(self) -> str:
        """What it asked of Spark, in words."""
        metrics = [attempt.metrics or {} for attempt in self.attempts]
        queries, commits = (sum(m.get(what, 0) for m in metrics) for what in ("queries", "commits"))
        return f"{queries} queries, {commits} versions of Delta tables"


def run_dag(bench: Workbench, pipeline: str = PIPELINE) -> DagRun:
    """Trigger the DAG, and wait for its end. Raises StackError when the run fails."""
    runs = AirflowRuns(bench.settings, pipeline)
    runs.unpause()
    run, waited_for = follow_run(runs, runs.trigger({}), tell(bench), bench.say)
    if run.state == "failed":
        raise StackError(explain_failure(bench.settings, run))
    if waited_for:
        raise StackError("another run of the DAG came between; run this part again")
    booked = bench.booked(pipeline, run.run_id)
    return DagRun(**vars(booked), timeline=_read_timeline(bench.settings, run, booked.attempts))


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


def task_breakdown(run: DagRun, what: str) -> Breakdown:
    """Where the time of a run went, task by task."""
    rows = [_row(attempt, run.seconds) for attempt in run.attempts if attempt.state == "SUCCESS"]
    between = run.seconds - sum(attempt.seconds or 0 for attempt in run.attempts)
    rows.append(["between the tasks", f"{between:.1f}", "", f"{between / run.seconds:.0%}"])
    rows.append(["whole run", f"{run.seconds:.1f}", "", "100%"])
    columns = ("task", "seconds", "of these in the Spark stage", "share")
    return Breakdown(f"where the time of {what} goes", columns, rows)


def _row(attempt: TaskAttempt, whole: float) -> list[str]:
    seconds = attempt.seconds or 0.0
    inside = (attempt.metrics or {}).get("seconds")
    own = "" if inside is None else f"{inside:.1f}"
    return [attempt.task_id, f"{seconds:.1f}", own, f"{seconds / whole:.0%}"]


def _read_timeline(settings: Settings, run: RunState, attempts: Sequence[TaskAttempt]) -> Timeline:
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}"
    with api_client(settings) as api:
        told = api.get(path).raise_for_status().json()
        listed = api.get(f"{path}/taskInstances").raise_for_status().json()
    moment = datetime.fromisoformat
    tasks = [
        (task["task_id"], moment(task["start_date"]), moment(task["end_date"]))
        for task in listed["task_instances"]
    ]
    inside = {
        attempt.task_id: attempt.metrics["seconds"]
        for attempt in attempts
        if attempt.metrics and "seconds" in attempt.metrics
    }
    return timeline(moment(told["queued_at"]), tasks, moment(told["end_date"]), inside)


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

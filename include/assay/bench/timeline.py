"""A run of a DAG as Airflow records it: what each task took, with the wait before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from assay.bench.figures import Breakdown

# The tasks that start a JVM; a gate is run ahead by the application that built its layer.
SPARK_TASKS = ("ingest_bronze", "build_silver", "build_gold", "commit")
COLUMNS = ("task", "seconds", "of these waiting", "bare start", "multiple", "share")


@dataclass(frozen=True)
class Step:
    """One task: `waiting` is from the end of the task before it to its own start."""

    task_id: str
    state: str
    waiting: float
    working: float

    @property
    def seconds(self) -> float:
        return self.waiting + self.working


@dataclass(frozen=True)
class Timeline:
    """The tasks of a run, in their order, and what Airflow took to end the run after the last."""

    steps: Sequence[Step]
    closing: float

    @property
    def seconds(self) -> float:
        """From the trigger to the end of the run."""
        return sum(step.seconds for step in self.steps) + self.closing


@dataclass(frozen=True)
class BareStarts:
    """What a task costs that does nothing: Airflow's share, and that of an empty Spark job."""

    airflow: float
    spark: float

    def of(self, task_id: str) -> float:
        return self.airflow + (self.spark if task_id in SPARK_TASKS else 0)


def timeline(
    queued: datetime, tasks: Iterable[tuple[str, str, datetime, datetime]], ended: datetime
) -> Timeline:
    """The steps of a chain of tasks, given as (task, state, start, end) in any order."""
    steps, before = [], queued
    for task_id, state, start, end in sorted(tasks, key=lambda task: task[2]):
        waiting, working = (start - before).total_seconds(), (end - start).total_seconds()
        steps.append(Step(task_id, state, waiting, working))
        before = end
    return Timeline(steps, (ended - before).total_seconds())


def bare_chain(run: Timeline, bare: BareStarts) -> float:
    """What the tasks of a run would cost if none of them did anything."""
    return sum(bare.of(step.task_id) for step in run.steps)


def steps_table(title: str, runs: Sequence[Timeline], bare: BareStarts) -> Breakdown:
    """Medians of several runs, task by task, as multiples of the bare starts."""
    whole = median(run.seconds for run in runs)
    rows = []
    for place, step in enumerate(runs[0].steps):
        seconds = median(run.steps[place].seconds for run in runs)
        waiting = median(run.steps[place].waiting for run in runs)
        rows.append(_row(step.task_id, seconds, waiting, bare.of(step.task_id), whole))
    waiting = median(sum(step.waiting for step in run.steps) + run.closing for run in runs)
    rows.append(_row("whole run", whole, waiting, bare_chain(runs[0], bare), whole))
    return Breakdown(title, COLUMNS, rows)


def _row(name: str, seconds: float, waiting: float, bare: float, whole: float) -> list[str]:
    figures = [f"{value:.1f}" for value in (seconds, waiting, bare)]
    return [name, *figures, f"{seconds / bare:.1f}x", f"{seconds / whole:.0%}"]

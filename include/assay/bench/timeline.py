"""A run of a DAG as Airflow records it: what each task took, with the wait before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from assay.bench.figures import Breakdown

COLUMNS = ("task", "seconds", "waiting", "in the stage", "bare start", "multiple", "share")


@dataclass(frozen=True)
class Step:
    """One task: `waiting` is from the end of the task before it to its own start.

    `inside` is what its Spark stage took, from its session's start, and 0 where it has none.
    """

    task_id: str
    waiting: float
    working: float
    inside: float = 0.0

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

    def of(self, step: Step) -> float:
        return self.airflow + (self.spark if step.inside else 0)


def timeline(
    queued: datetime,
    tasks: Iterable[tuple[str, datetime, datetime]],
    ended: datetime,
    inside: Mapping[str, float],
) -> Timeline:
    """The steps of a chain of tasks, given as (task, start, end) in any order.

    A task that Airflow skipped without a process, which begins and ends at once, is no step.
    """
    steps, before = [], queued
    for task_id, start, end in sorted(tasks, key=lambda task: task[1]):
        if start == end:
            continue
        waiting, working = (start - before).total_seconds(), (end - start).total_seconds()
        steps.append(Step(task_id, waiting, working, inside.get(task_id, 0.0)))
        before = end
    return Timeline(steps, (ended - before).total_seconds())


def bare_chain(run: Timeline, bare: BareStarts) -> float:
    """What the tasks of a run would cost if none of them did anything."""
    return sum(bare.of(step) for step in run.steps)


def steps_table(title: str, runs: Sequence[Timeline], bare: BareStarts) -> Breakdown:
    """Medians of several runs, task by task, as multiples of the bare starts."""
    whole = median(run.seconds for run in runs)
    rows = []
    for steps in zip(*(run.steps for run in runs), strict=True):
        name = steps[0].task_id
        found = [(step.seconds, step.waiting, step.inside) for step in steps]
        rows.append(_row(name, found, bare.of(steps[0]), whole))
    found = [
        (run.seconds, sum(s.waiting for s in run.steps) + run.closing, _inside(run)) for run in runs
    ]
    rows.append(_row("whole run", found, bare_chain(runs[0], bare), whole))
    return Breakdown(title, COLUMNS, rows)


def _inside(run: Timeline) -> float:
    return sum(step.inside for step in run.steps)


def _row(
    name: str, found: Sequence[tuple[float, float, float]], bare: float, whole: float
) -> list[str]:
    seconds, waiting, inside = (median(values) for values in zip(*found, strict=True))
    figures = [f"{seconds:.1f}", f"{waiting:.1f}", f"{inside:.1f}" if inside else "", f"{bare:.1f}"]
    return [name, *figures, f"{seconds / bare:.1f}x", f"{seconds / whole:.0%}"]

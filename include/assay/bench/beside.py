"""Parts `before` and `growth`: days on two stacks in turn, so that a busy spell meets both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay.bench.dag_runs import DagRun, load_everything, run_dag
from assay.bench.day import ROWS, run_day
from assay.bench.figures import PartResult, Ratio
from assay.bench.second_stack import SecondStack
from assay.bench.workbench import PIPELINE, Workbench
from assay.contracts.pipelines import find_pipeline
from assay.errors import StackError
from assay.settings import REPOSITORY

ROUNDS = 5
GROWN = 10
COMPARED = ("trades", "finance")
GOAL_DAY, GOAL_NOTHING, GOAL_GROWN = 0.4, 1.0, 1.2


def measure_before(bench: Workbench) -> PartResult:
    """Days, and runs with nothing new, against those of another checkout."""
    if bench.before is None:
        raise StackError("name the checkout to compare with: --before FOLDER")
    with SecondStack(bench, bench.before, bench.files) as other:
        ratios, notes = [], []
        for pipeline in COMPARED:
            ours, theirs = _days_in_turn(bench, other, pipeline)
            name = f"{pipeline}: a day of {ROWS:,} new rows / the same of {bench.before.name}"
            ratios.append(Ratio(name, _seconds(ours), _seconds(theirs), GOAL_DAY))
            notes.append(f"{pipeline}: a day asks Spark for {ours[-1].asked}")
        ours, theirs = _in_turn(bench, other, run_dag)
        ratios.append(Ratio("nothing new", _seconds(ours), _seconds(theirs), GOAL_NOTHING))
    return PartResult("before", ratios=ratios, notes=notes)


def measure_growth(bench: Workbench) -> PartResult:
    """Days on a silver ten times as large."""
    with SecondStack(bench, REPOSITORY, max(1, bench.files // GROWN)) as small:
        ours, theirs = _days_in_turn(bench, small, PIPELINE)
    name = f"a day on {GROWN} times the silver"
    return PartResult("growth", [Ratio(name, _seconds(ours), _seconds(theirs), GOAL_GROWN)])


def _days_in_turn(
    bench: Workbench, other: Workbench, pipeline: str
) -> tuple[list[DagRun], list[DagRun]]:
    for each in (bench, other):
        load_everything(each, pipeline)
    fed = find_pipeline(pipeline).datasets
    return _in_turn(bench, other, lambda each: run_day(each, pipeline, fed))


def _in_turn(
    bench: Workbench, other: Workbench, run: Callable[[Workbench], DagRun]
) -> tuple[list[DagRun], list[DagRun]]:
    ours, theirs = [], []
    for number in range(1, ROUNDS + 1):
        ours.append(run(bench))
        theirs.append(run(other))
        took = f"{ours[-1].seconds:.1f} s, beside it {theirs[-1].seconds:.1f} s"
        bench.say(f"round {number} of {ROUNDS}: {took}")
    return ours, theirs


def _seconds(runs: Sequence[DagRun]) -> list[float]:
    return [run.seconds for run in runs]

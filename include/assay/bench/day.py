"""Part `day`: a small daily batch, task by task, as a multiple of the bare starts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median

from assay.batch.states import EMPTY, PUBLISHED
from assay.bench.commands import PROGRAMS, as_operator_does, run_timed
from assay.bench.dag_runs import DagRun, load_everything, run_dag
from assay.bench.figures import PartResult, Ratio
from assay.bench.timeline import BareStarts, bare_chain, steps_table
from assay.bench.workbench import Workbench, deliver
from assay.contracts.pipelines import pipelines_started_by
from assay.errors import StackError

ROUNDS = 3
ROWS = 1000


def measure_day(bench: Workbench) -> PartResult:
    """After the first load of every pipeline: days with new rows, days without, empty jobs."""
    datasets = {each.name: each.datasets for each in pipelines_started_by("files")}
    for pipeline in datasets:
        load_everything(bench, pipeline)
    days: dict[str, list[DagRun]] = {pipeline: [] for pipeline in datasets}
    idle: list[float] = []
    spark: list[float] = []
    for number in range(1, ROUNDS + 1):
        spark.append(_start_spark(bench))
        idle.append(_airflow_start(bench, next(iter(datasets))))
        for pipeline, fed in datasets.items():
            days[pipeline].append(run_day(bench, pipeline, fed))
            took = days[pipeline][-1].seconds
            bench.say(f"{pipeline}, day {number} of {ROUNDS}: {took:.1f} s")
    bare = BareStarts(median(idle), median(spark))
    return PartResult(
        "day",
        ratios=[_against_bare(pipeline, runs, idle, spark) for pipeline, runs in days.items()],
        breakdowns=[
            steps_table(f"{pipeline}: a day of {ROWS:,} new rows", [r.timeline for r in runs], bare)
            for pipeline, runs in days.items()
        ],
        notes=[
            f"bare start: {bare.airflow:.1f} s ({min(idle):.1f} to {max(idle):.1f}) for a task "
            "that finds nothing to do, from the end of the task before to its own; with Spark, "
            f"{bare.spark:.1f} s ({min(spark):.1f} to {max(spark):.1f}) more, which is an empty "
            "Spark job",
            *(f"{pipeline}: {runs[-1].asked}" for pipeline, runs in days.items()),
        ],
    )


def _against_bare(
    pipeline: str, runs: list[DagRun], idle: list[float], spark: list[float]
) -> Ratio:
    chains = [bare_chain(runs[0].timeline, BareStarts(median(idle), start)) for start in spark]
    return Ratio(f"{pipeline}: a day / its bare starts", [run.seconds for run in runs], chains)


def _start_spark(bench: Workbench) -> float:
    """Seconds of an empty Spark job, started as a task starts it."""
    command, environment = as_operator_does(bench.settings, PROGRAMS / "empty_job.py")
    return run_timed(command, environment, bench.settings.logs / "empty.log").wall


def _airflow_start(bench: Workbench, pipeline: str) -> float:
    """Seconds of a task that finds nothing to do: the last one of a run without files."""
    run = run_dag(bench, pipeline)
    if run.state != EMPTY:
        raise StackError(f"{run.batch_id}: {run.state}, though no file was waiting")
    return run.timeline.steps[-1].seconds


def deliver_day(bench: Workbench, pipeline: str, datasets: Sequence[str]) -> None:
    """One more day for every feed of a pipeline, all of its rows good."""
    made = f"days of {pipeline}"
    number = bench.made[made] = bench.made.get(made, 0) + 1
    for dataset in datasets:
        load = bench.truth_of(dataset).options
        truth = bench.generate(
            f"day-{number}",
            dataset,
            **{"files": 1, "rows": ROWS, "seed": ROWS + number},
            **{"start": load.start + timedelta(load.days + number), "days": 1},
            **dict.fromkeys(("defects", "duplicates", "updates", "late"), 0.0),
        )
        deliver([truth.options.out / truth.files[0].name], bench.settings.landing / dataset)


def run_day(bench: Workbench, pipeline: str, datasets: Sequence[str]) -> DagRun:
    """Deliver one more day, and run the pipeline on it."""
    deliver_day(bench, pipeline, datasets)
    run = run_dag(bench, pipeline)
    # A fund that is known gets newer holdings; in every other feed the rows are new.
    taken = run.classes["new"] + run.classes["updated"]
    if run.state != PUBLISHED or taken != ROWS * len(datasets):
        raise StackError(f"{run.batch_id}: {run.state} {run.classes}, not {ROWS:,} rows per feed")
    return run

"""Part `release`: a minute of stream through all gates, and what events take meanwhile."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

from assay.batch.states import PUBLISHED
from assay.bench.dag_runs import DagRun, run_dag, run_without_files
from assay.bench.figures import PartResult, Ratio
from assay.bench.streaming import DATASET, GOALS, SHARE, SLOW, streams_of_bench
from assay.bench.workbench import Workbench
from assay.contracts.pipelines import pipeline_carrying
from assay.errors import StackError
from assay.ledger.streams import StreamSource
from assay.operations.stream_trial import Trial, feed, running_stream

MINUTE, WARM_SECONDS = 60, 20
RELEASE_GOAL, BESIDE_GOAL = 60.0, 3.0  # seconds: of the run, and of 95 of 100 events beside


def measure_release(bench: Workbench) -> PartResult:
    """Of each source: 6,000 events are released while as many a second come as before."""
    ratios: list[Ratio] = []
    with streams_of_bench(bench) as settings:
        bench.start_airflow()
        run_without_files(bench, pipeline_carrying(DATASET).name)
        for source in GOALS:
            with running_stream(settings, DATASET, source, bench.say) as process:
                feed(settings, Trial(DATASET, source, SLOW, WARM_SECONDS, 0), process)
                _release(bench)  # the first one of a Spark that is not warm yet
                ratios += _measure(bench, source, process)
    return PartResult("release", ratios=ratios)


def _measure(
    bench: Workbench, source: StreamSource, process: subprocess.Popen[bytes]
) -> list[Ratio]:
    trial = Trial(DATASET, source, SLOW, MINUTE, 0)
    feed(bench.settings, trial, process)
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(feed, bench.settings, trial, process)
        released = _release(bench)
        took = beside.result()
    p95 = took.percentile(SHARE)
    events = SLOW * MINUTE
    return [
        Ratio(
            f"{source}: release of {events:,} events, at its goal",
            [released.seconds],
            [RELEASE_GOAL],
            1.0,
        ),
        Ratio(
            f"{source}, {SLOW} events/s beside a release: p50 {took.percentile(0.5):.2f} s,"
            f" p95 {p95:.2f} s",
            [p95],
            [BESIDE_GOAL],
            1.0,
        ),
    ]


def _release(bench: Workbench) -> DagRun:
    released = run_dag(bench, pipeline_carrying(DATASET).name)
    if released.state != PUBLISHED:
        raise StackError(f"{released.batch_id}: {released.state}, not released")
    return released

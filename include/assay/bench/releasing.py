"""Part `release`: a minute of stream through all gates, and what events take meanwhile."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

from assay.batch.states import PUBLISHED
from assay.bench.dag_runs import DagRun, run_dag, run_without_files
from assay.bench.figures import PartResult, Ratio
from assay.bench.streaming import DATASET, GOALS, QUICK, SHARE, SLOW, streams_of_bench
from assay.bench.workbench import Workbench
from assay.contracts.pipelines import pipeline_carrying
from assay.errors import StackError
from assay.ledger.streams import StreamSource
from assay.operations.stream_trial import Trial, feed, running_stream

MINUTE, WARM_SECONDS = 60, 20
RELEASE_GOAL, BESIDE_GOAL = 60.0, 3.0  # seconds: of the run, and of 95 of 100 events beside


def measure_release(bench: Workbench) -> PartResult:
    """Of each source: 6,000 events are released while as many a second come as before.

    Then a release has those that came meanwhile, while 5,000 a second come.
    """
    ratios: list[Ratio] = []
    with streams_of_bench(bench) as settings:
        bench.start_airflow()
        run_without_files(bench, pipeline_carrying(DATASET).name)
        for source in GOALS:
            with running_stream(settings, DATASET, source, bench.say) as process:
                feed(settings, Trial(DATASET, source, SLOW, WARM_SECONDS, 0), process)
                release_pending(bench)  # the first one of a Spark that is not warm yet
                feed(settings, Trial(DATASET, source, SLOW, MINUTE, 0), process)
                released, beside = _beside_a_release(bench, source, process, SLOW)
                name = f"{source}: release of {SLOW * MINUTE:,} events, at its goal"
                ratios.append(Ratio(name, [released.seconds], [RELEASE_GOAL], 1.0))
                ratios += [beside, _beside_a_release(bench, source, process, QUICK)[1]]
    return PartResult("release", ratios=ratios)


def _beside_a_release(
    bench: Workbench, source: StreamSource, process: subprocess.Popen[bytes], rate: int
) -> tuple[DagRun, Ratio]:
    trial = Trial(DATASET, source, rate, MINUTE, 0)
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(feed, bench.settings, trial, process)
        released = release_pending(bench)
        took = beside.result()
    p50, p95 = took.percentile(0.5), took.percentile(SHARE)
    name = f"{source}, {rate:,} events/s beside a release: p50 {p50:.2f} s, p95 {p95:.2f} s"
    bench.say(name)
    return released, Ratio(name, [p95], [BESIDE_GOAL], 1.0)


def release_pending(bench: Workbench) -> DagRun:
    """A run of the DAG, which takes all that has come. Raises StackError when it ends otherwise."""
    released = run_dag(bench, pipeline_carrying(DATASET).name)
    if released.state != PUBLISHED:
        raise StackError(f"{released.batch_id}: {released.state}, not released")
    return released

"""Part `together`: a day of every pipeline at once, by one Spark job at a time and by two."""

from __future__ import annotations

import time
from collections.abc import Sequence

from assay.airflow_client.api import api_client
from assay.airflow_client.follow import follow_everything
from assay.airflow_client.runs import AirflowRuns
from assay.bench.dag_runs import load_everything, tell
from assay.bench.day import deliver_day
from assay.bench.figures import PartResult, Ratio
from assay.bench.workbench import Workbench
from assay.contracts.pipelines import Pipeline, pipelines_started_by
from assay.errors import StackError
from assay_stack.airflow import SPARK_POOL

ROUNDS = 3


def measure_together(bench: Workbench) -> PartResult:
    """What `jobs_at_once` of `assay.spark_runtime.conf` follows from."""
    fed = pipelines_started_by("files")
    for pipeline in fed:
        load_everything(bench, pipeline.name)
    took: dict[int, list[float]] = {1: [], 2: []}
    for number in range(1, ROUNDS + 1):
        for slots, seconds in took.items():
            _set_slots(bench, slots)
            seconds.append(_run_all(bench, fed))
            bench.say(f"round {number} of {ROUNDS}: {slots} at once, {seconds[-1]:.1f} s")
    name = f"a day of {len(fed)} pipelines, two Spark jobs at once / one"
    return PartResult("together", [Ratio(name, took[2], took[1])])


def _run_all(bench: Workbench, fed: Sequence[Pipeline]) -> float:
    for pipeline in fed:
        deliver_day(bench, pipeline.name, pipeline.datasets)
    began = time.monotonic()
    wanted = {}
    for pipeline in fed:
        runs = AirflowRuns(bench.settings, pipeline.name)
        wanted[runs] = [runs.trigger({})]
    failed = [run for run in follow_everything(wanted, tell(bench)) if run.state == "failed"]
    if failed:
        raise StackError(f"{failed[0].run_id} failed")
    return time.monotonic() - began


def _set_slots(bench: Workbench, slots: int) -> None:
    # Airflow asks for these three, whatever is to change.
    pool = {"pool": SPARK_POOL, "slots": slots, "include_deferred": False}
    with api_client(bench.settings) as api:
        api.patch(f"/api/v2/pools/{SPARK_POOL}", json=pool).raise_for_status()

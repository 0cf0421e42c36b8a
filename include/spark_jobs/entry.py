"""What every entry point shares: arguments, session, result file, summary line."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from threading import Thread
from typing import Any

from pyspark.sql import SparkSession

from assay.errors import AssayError
from assay.plan import Plan, read_plan
from assay.results import write_ahead, write_failure, write_result
from assay.rules import rules_version
from spark_jobs.lakehouse.session import open_session

Stage = Callable[[SparkSession, Plan, int], dict[str, Any]]
PR_SET_PDEATHSIG = 1


def run_stage(name: str, stage: Stage, gate: Stage | None = None) -> None:
    """Run one stage of a planned batch, and its gate ahead of the gate's own task.

    The result file is the last act of the stage. The gate's verdicts are left for its task, which
    then needs no application of its own; a gate that cannot run here will run there.
    """
    parser = argparse.ArgumentParser(prog=name, description=stage.__doc__)
    parser.add_argument("plan", help="path of the batch's plan.json")
    parser.add_argument("epoch", type=int, help="epoch of this attempt, from the pipeline lease")
    arguments = parser.parse_args()
    die_with_parent()
    plan = read_plan(arguments.plan)
    if gate or name.startswith("validate_"):
        _load_meanwhile("great_expectations")
    started = time.monotonic()
    try:
        spark = open_session(f"{name} {plan.batch_id}")
        result = stage(spark, plan, arguments.epoch)
    except AssayError as error:
        write_failure(plan.folder, name, arguments.epoch, error)
        sys.exit(f"{type(error).__name__}: {error}")
    write_result(plan.folder, name, arguments.epoch, {**_seconds_since(started), **result})
    print(f"{name} {plan.batch_id}: {result['summary']}", flush=True)
    if gate:
        _run_ahead(spark, plan, arguments.epoch, gate)


def _run_ahead(spark: SparkSession, plan: Plan, epoch: int, gate: Stage) -> None:
    started = time.monotonic()
    rules = rules_version(plan.datasets)
    try:
        result = gate(spark, plan, epoch)
    except Exception:  # noqa: BLE001  # whatever it died of, its own task will say so
        traceback.print_exc()
        print(f"{gate.__name__} could not run ahead; its own task runs it", flush=True)
        return
    write_ahead(plan.folder, gate.__name__, epoch, rules, {**_seconds_since(started), **result})


def _seconds_since(started: float) -> dict[str, float]:
    return {"seconds": round(time.monotonic() - started, 2)}


def _load_meanwhile(module: str) -> None:
    """Import a module that takes seconds while the JVM opens its session."""
    Thread(target=import_module, args=[module], daemon=True).start()


def die_with_parent() -> None:
    """End when the JVM ends; without this a killed job's Python side would go on alone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        sys.exit("the JVM of this job is gone")

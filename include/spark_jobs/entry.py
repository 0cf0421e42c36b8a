"""What every entry point shares: arguments, session, result file, summary line."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from pyspark.sql import SparkSession

from assay.errors import AssayError
from assay.plan import Plan, read_plan
from assay.results import write_failure, write_result
from spark_jobs.lakehouse.session import open_session

Stage = Callable[[SparkSession, Plan, int], dict[str, Any]]
PR_SET_PDEATHSIG = 1


def run_stage(name: str, stage: Stage) -> None:
    """Run one stage of a planned batch; the result file is its last act."""
    parser = argparse.ArgumentParser(prog=name, description=stage.__doc__)
    parser.add_argument("plan", help="path of the batch's plan.json")
    parser.add_argument("epoch", type=int, help="epoch of this attempt, from the pipeline lease")
    arguments = parser.parse_args()
    die_with_parent()
    plan = read_plan(arguments.plan)
    started = time.monotonic()
    try:
        spark = open_session(f"{name} {plan.batch_id}")
        result = stage(spark, plan, arguments.epoch)
    except AssayError as error:
        write_failure(plan.folder, name, arguments.epoch, error)
        sys.exit(f"{type(error).__name__}: {error}")
    seconds = round(time.monotonic() - started, 2)
    write_result(plan.folder, name, arguments.epoch, {"seconds": seconds, **result})
    print(f"{name} {plan.batch_id}: {result['summary']}", flush=True)


def die_with_parent() -> None:
    """End when the JVM ends; without this a killed job's Python side would go on alone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        sys.exit("the JVM of this job is gone")

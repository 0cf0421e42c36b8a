"""The program of every stage: entry.py STAGE PLAN EPOCH. One session, and what it leaves behind."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import time
import traceback
from importlib import import_module
from threading import Thread

from pyspark.sql import SparkSession

from assay.errors import AssayError
from assay.gates import stops
from assay.plan import Plan, read_plan
from assay.results import write_ahead, write_failure, write_result
from assay.rules import rules_version
from spark_jobs.chain import STAGES, stages_ahead
from spark_jobs.lakehouse.session import open_session, tasks_by_host

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run one stage of a planned batch, then those after it ahead of their own tasks."""
    parser = argparse.ArgumentParser(prog="entry.py", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("plan", help="path of the batch's plan.json")
    parser.add_argument("epoch", type=int, help="epoch of this attempt, from the pipeline lease")
    given = parser.parse_args()
    die_with_parent()
    plan = read_plan(given.plan)
    if given.stage != "commit":
        _load_meanwhile("great_expectations")
    started = time.monotonic()
    try:
        spark = open_session(f"{given.stage} {plan.batch_id}")
        _run(spark, plan, given.stage, given.epoch, started)
    except AssayError as error:
        write_failure(plan.folder, given.stage, given.epoch, error)
        sys.exit(f"{type(error).__name__}: {error}")
    _run_ahead(spark, plan, given.stage, given.epoch)


def _run(spark: SparkSession, plan: Plan, stage: str, epoch: int, started: float) -> bool:
    """Run a stage; its result file is its last act. False when a gate would stop the batch."""
    result = STAGES[stage](spark, plan, epoch)
    facts = {"seconds": round(time.monotonic() - started, 2), "executors": tasks_by_host(spark)}
    write_result(plan.folder, stage, epoch, {**facts, **result})
    print(f"{stage} {plan.batch_id}: {result['summary']}", flush=True)
    return not any(stops(verdict) for verdict in result.get("verdicts", []))


def _run_ahead(spark: SparkSession, plan: Plan, first: str, epoch: int) -> None:
    """Run the stages after `first`, each under the epoch that its task has if all goes well.

    An attempt that comes between moves the epochs on, so that nothing outdated is ever taken.
    """
    for expected, stage in enumerate(stages_ahead(plan, first), epoch + 1):
        write_ahead(plan.folder, stage, expected, first, rules_version(plan.datasets))
        try:
            if not _run(spark, plan, stage, expected, time.monotonic()):
                return
        except Exception:  # noqa: BLE001  # whatever it died of, its own task will say so
            traceback.print_exc()
            print(f"{stage} could not run ahead; its own task runs it", flush=True)
            return


def _load_meanwhile(module: str) -> None:
    """Import a module that takes seconds while the JVM opens its session."""
    Thread(target=import_module, args=[module], daemon=True).start()


def die_with_parent() -> None:
    """End when the JVM ends; without this a killed job's Python side would go on alone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        sys.exit("the JVM of this job is gone")


if __name__ == "__main__":
    main()

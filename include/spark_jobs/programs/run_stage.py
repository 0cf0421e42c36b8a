"""The program of every stage: run_stage.py STAGE PLAN EPOCH. One session, and what it leaves."""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from threading import Thread
from typing import NoReturn

from pyspark.errors import PySparkException
from pyspark.sql.utils import is_remote

from assay.batch.plan import Plan, read_plan
from assay.batch.results import write_failure, write_result
from assay.batch.stage_results import CommitResult, StageResult
from assay.errors import AssayError
from assay.events.context import known
from assay.events.event import Committed, Failed, StageFinished
from assay.events.sinks import Lines, emit
from assay.home.processes import die_with_parent
from assay.storage.delta_history import size_of
from spark_jobs.chain import STAGES
from spark_jobs.lakehouse import tables
from spark_jobs.lakehouse.session import queries_of, session, tasks_by_host

COMPARING = ("build_silver", "build_gold", "validate_gold", "commit")  # with all of silver
AS_ONE = 6  # bytes of silver to compare with cost as much as one of the input


def main() -> None:
    """Run one stage of a planned batch; its result file is the last act."""
    parser = argparse.ArgumentParser(prog="run_stage.py", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("plan", help="path of the batch's plan.json")
    parser.add_argument("epoch", type=int, help="epoch of this attempt, from the pipeline lease")
    given = parser.parse_args()
    die_with_parent()
    plan = read_plan(given.plan)
    if given.stage.startswith("validate_"):
        _load_meanwhile("great_expectations")
    started = time.monotonic()
    try:
        name = f"{given.stage} {plan.batch_id} epoch {given.epoch}"
        with session(name, input_bytes=bytes_to_read(plan, given.stage)) as spark:
            result = STAGES[given.stage](spark, plan, given.epoch)
            executors, queries = tasks_by_host(spark), queries_of(spark)
            commits = tables.made.total()
    except AssayError as error:
        write_failure(plan.folder, given.stage, given.epoch, error)
        fail(error)
    except PySparkException as error:
        if not is_remote():
            raise
        # What the server says, once; where in its code, and in the client's, its own log has.
        said = str(error).partition("\n\nJVM stacktrace:")[0]
        fail(error, f"Spark's server: {type(error).__name__}: {said}")
    seconds = round(time.monotonic() - started, 2)
    facts = {"seconds": seconds, "executors": executors, "queries": queries, "commits": commits}
    write_result(plan.folder, given.stage, given.epoch, {**facts, **result.as_facts()})
    emit(_finished(given.stage, plan.batch_id, result, seconds, queries))


def bytes_to_read(plan: Plan, stage: str) -> float:
    """Of the input and, in a stage that compares it with silver, of that by its weight."""
    if stage not in COMPARING:
        return plan.input.bytes_to_read()
    datasets = {*plan.datasets, *(name for contract in plan.gold for name in contract.datasets)}
    in_silver = sum(size_of(plan.table("silver", dataset)) for dataset in datasets)
    return plan.input.bytes_to_read() + in_silver / AS_ONE


def _finished(
    stage: str, batch: str, result: StageResult, seconds: float, queries: int
) -> StageFinished:
    if isinstance(result, CommitResult):
        return Committed(batch, stage, result.summary, seconds, queries, versions=result.versions)
    return StageFinished(batch, stage, result.summary, seconds, queries)


def fail(error: Exception, sentence: str | None = None) -> NoReturn:
    """End the job with a line on standard error that says why."""
    kind = type(error).__name__
    Lines(to_error=True).write(Failed(kind, sentence or f"{kind}: {error}"), known())
    sys.exit(1)


def _load_meanwhile(module: str) -> None:
    """Import a module that takes seconds while the session opens."""
    Thread(target=import_module, args=[module], daemon=True).start()


if __name__ == "__main__":
    main()

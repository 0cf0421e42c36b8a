"""Upkeep of all tables: properties by contract, small files together, unneeded files away."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from assay.batch.results import write_failure, write_result
from assay.batch.stage_results import StageResult
from assay.errors import AssayError
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.home.processes import die_with_parent
from assay.maintenance.tables import Request, TableUpkeep, contract_of, read_request
from assay.spark_runtime.submit import hold_lock
from assay.words import count
from spark_jobs.lakehouse import schemas, upkeep
from spark_jobs.lakehouse.session import session
from spark_jobs.programs.run_stage import fail

NAME = "maintain_tables"
PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class UpkeepResult(StageResult):
    """What was done to each table, in one line."""

    lines: list[str]


def main() -> None:
    """Run one request; the result file is the last act."""
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    parser.add_argument("request", help="path of the request")
    parser.add_argument("epoch", type=int, help="epoch of this attempt")
    arguments = parser.parse_args()
    die_with_parent()
    folder = str(Path(arguments.request).parent)
    try:
        with session(f"{NAME} epoch {arguments.epoch}") as spark:
            result = maintain_tables(spark, read_request(arguments.request))
    except AssayError as error:
        write_failure(folder, NAME, arguments.epoch, error)
        fail(error)
    write_result(folder, NAME, arguments.epoch, result.as_facts())


def maintain_tables(spark: SparkSession, request: Request) -> UpkeepResult:
    """Maintain one table after the other, each while no pipeline that writes it has a job."""
    lines, removed = [], 0
    for each in request.tables:
        if DeltaTable.is_deltatable(each.path):
            with _alone(request, each):
                went, done = _maintain(spark, each, dry_run=request.dry_run)
            removed += went
            lines.append(f"{each.table}: {done}")
            emit(Progress(lines[-1]))
    told = f"{count(len(lines), 'table')} kept, {_removed(removed, dry_run=request.dry_run)}"
    return UpkeepResult(lines=lines, summary=told)


def _maintain(spark: SparkSession, each: TableUpkeep, *, dry_run: bool) -> tuple[int, str]:
    """How many files went, or would go, and all that was done."""
    contract = contract_of(each.table)
    done = []
    if not dry_run and upkeep.keep_properties(spark, each.path, schemas.retention(contract)):
        done.append(f"kept for {count(contract.retention_days, 'day')} from now on")
    if each.table.startswith(("silver.", "gold.")):
        done.append(_compact(spark, each.path, dry_run=dry_run))
    days = contract.retention_days
    removed = upkeep.vacuum(spark, each.path, each.versions, days, dry_run=dry_run)
    if removed is None:
        ago = f"a version that was replaced {count(days, 'day')} ago is still needed"
        done.append(f"no file removed, for {ago}")
    else:
        done.append(_removed(removed, dry_run=dry_run))
    return removed or 0, "; ".join(done)


def _removed(files: int, *, dry_run: bool) -> str:
    return f"{count(files, 'file')} {'to remove' if dry_run else 'removed'}"


def _compact(spark: SparkSession, path: str, *, dry_run: bool) -> str:
    small = upkeep.count_small_files(path)
    if small <= upkeep.MOST_SMALL:
        return f"{count(small, 'small file')}, few enough"
    if dry_run:
        return f"{count(small, 'small file')} to put together"
    return f"{count(small, 'small file')}, {count(upkeep.compact(spark, path), 'file')} less"


@contextmanager
def _alone(request: Request, each: TableUpkeep) -> Iterator[None]:
    """Hold the locks of the pipelines' Spark jobs, in one order for all."""
    with ExitStack() as held:
        for pipeline in sorted(each.pipelines):
            lock = Path(request.locks) / f"{pipeline}.lock"
            descriptor = hold_lock(lock, f"{NAME} {each.table}", PATIENCE_SECONDS)
            held.callback(os.close, descriptor)
        yield


if __name__ == "__main__":
    main()

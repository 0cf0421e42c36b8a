"""The task between the last gate and the commit: would Postgres take what the batch brings?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from assay import failpoints, ledger
from assay.batch.plan import Plan
from assay.batch.results import write_result
from assay.batch.stage_results import StageResult
from assay.errors import BatchError, StagingError
from assay.events.event import TableStaged
from assay.events.sinks import emit
from assay.publish.change import Change, read_built
from assay.publish.refusals import stage_or_refuse
from assay.publish.staging import drop_older_staging
from assay.publish.targets import Staged
from assay.words import count

Connect = Callable[[], psycopg.Connection[Any]]


@dataclass(frozen=True, kw_only=True)
class StagingResult(StageResult):
    """What was staged, by name of the staging, and the digests of the builds that it came from."""

    digests: Mapping[str, str]
    tables: dict[str, Staged]


def stage_batch(connect: Connect, uri: str, plan: Plan, epoch: int) -> StagingResult:
    """Copy what the batch brings into staging tables; publish applies it from there.

    Raises StagingError, naming file, record and reason, when Postgres refuses a row; the lake and
    what readers see are as they were then. The result is the attempt's, like that of a Spark stage.
    """
    change = read_built(plan, epoch)
    with autocommit(connect) as connection:
        with connection.transaction():
            ledger.require_epoch(connection, plan.pipeline, epoch)
            require_taken(connection, plan)
        try:
            tables = copy_change(connection, uri, change)
        except StagingError as refused:
            raise StagingError(
                f"{plan.batch_id}: {refused}. Correct the contract and clear build_silver, or go on"
                f" without the file: assay batch reject-file {plan.batch_id} FILE --why TEXT"
            ) from refused
    failpoints.reach("after staging")
    rows = sum(staged.rows for staged in tables.values())
    result = StagingResult(
        digests=change.digests,
        tables=tables,
        summary=f"{count(rows, 'row')} for {count(len(tables), 'table')}",
    )
    write_result(plan.folder, "stage", epoch, result.as_facts())
    return result


def require_taken(connection: psycopg.Connection[Any], plan: Plan) -> None:
    """Raise BatchError when the plan has a slice that the books call rejected.

    A `reject-file` that was killed leaves that; run again, it completes what it began.
    """
    rejected = {
        (each.dataset, each.slice_id, each.source_file)
        for each in ledger.deliveries(connection, plan.batch_id)
        if each.verdict == "rejected"
    }
    for each in plan.slices:
        if (each.dataset, each.slice_id, each.source_file) in rejected:
            raise BatchError(
                f"{plan.batch_id}: {each.source_file!r} was rejected, and the batch has its rows;"
                f" complete it: assay batch reject-file {plan.batch_id} {each.slice_id} --why TEXT"
            )


def copy_change(connection: psycopg.Connection[Any], uri: str, change: Change) -> dict[str, Staged]:
    """Stage every target of a change; returns, by name of the staging, table and rows."""
    drop_older_staging(connection, change.to_stage, change.epoch)
    tables = {}
    for target in change.to_stage:
        began = time.monotonic()
        failpoints.reach(f"before staging {target.staging}")
        staged = stage_or_refuse(connection, uri, target, change.epoch).staged
        if staged is not None:
            tables[target.staging] = staged
            emit(TableStaged(target.table, staged.rows, time.monotonic() - began))
    return tables


def autocommit(connect: Connect) -> psycopg.Connection[Any]:
    """A new connection on which `transaction()` is the outermost transaction, and commits."""
    connection = connect()
    connection.autocommit = True
    return connection

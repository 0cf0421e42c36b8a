"""Publish: one transaction moves every reader from one release to the next.

The change was staged before the commit, and Delta is measured before the transaction begins; inside
it are only the fence, the apply, the equations and the metadata. Whatever fails, readers keep the
old release.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from assay import failpoints, ledger
from assay.batch.gates import require_verdicts
from assay.batch.plan import Plan
from assay.errors import ContractError, StagingLostError
from assay.events.context import about
from assay.events.event import Progress, Released
from assay.events.sinks import emit
from assay.publish.books import check_books, measure_targets
from assay.publish.change import Change, read_change
from assay.publish.reconciliation import Measures
from assay.publish.release import apply_change, find_standing_release
from assay.publish.stage import Connect, autocommit, copy_change
from assay.publish.staging import drop_staging
from assay.serving.columns import columns_of


def publish_pending(
    connect: Connect,
    uri: str,
    pipeline: str,
    epoch: int,
    read_plan_of: Callable[[str], Plan],
) -> list[ledger.Release]:
    """Release every committed, unreleased batch of the pipeline, in the order of their commits."""
    with autocommit(connect) as connection:
        pending = ledger.committed_unreleased(connection, pipeline)
    released = []
    for plan in map(read_plan_of, pending):
        with about(batch=plan.batch_id, datasets=plan.active):
            released.append(publish_batch(connect, uri, plan, epoch))
    return released


def publish_batch(connect: Connect, uri: str, plan: Plan, epoch: int) -> ledger.Release:
    """Release one committed batch and return its release; one that is released stays as it is.

    `uri` is that of the loader, for the COPY. Raises FencedError when a newer attempt holds the
    lease, GateFailedError when the commit is not one that passed every gate, and
    ReconciliationError, naming the equation, when the books do not balance.
    """
    change = read_change(plan, epoch)
    check_books(change)
    with autocommit(connect) as connection, connection.transaction():
        ledger.require_epoch(connection, plan.pipeline, epoch)
        ledger.require_no_rollback(connection, plan.pipeline)
        released = find_standing_release(connection, change)
        rebuilt = ledger.was_released(connection, plan.batch_id)
    if released:
        emit(Progress(f"{plan.batch_id}: is release {released.release_id} already"))
        return released
    if rebuilt:
        why = "was released before it was committed anew, so all is reloaded"
        emit(Progress(f"{plan.batch_id}: {why}"))
        change = change.as_reload()
    with autocommit(connect) as connection:
        verdicts = ledger.verdicts_in_force(connection, plan.batch_id)
        require_verdicts(verdicts, plan, change.committed.subjects)
        _require_columns(connection, change)
    delta = measure_targets(change)
    try:
        released = _release_staged(connect, uri, change, delta)
        _drop(connect, [target.staged.name for target in change.to_stage if target.staged])
    finally:
        _drop(connect, [f"{target.staging}_{epoch}" for target in change.to_stage])
    return released


def _release_staged(
    connect: Connect, uri: str, change: Change, delta: Mapping[str, Measures]
) -> ledger.Release:
    """Release from staging; what is not there, or not there any more, is staged now."""
    if change.is_staged:
        try:
            return _release(connect, change, delta)
        except StagingLostError as lost:
            emit(Progress(f"{lost}; it is staged again"))
    with autocommit(connect) as connection:
        tables = copy_change(connection, uri, change)
    return _release(connect, change.with_staged(tables), delta)


def _require_columns(connection: psycopg.Connection[Any], change: Change) -> None:
    for target in change.targets:
        known = columns_of(connection, target.table)
        for name in target.names:
            if name not in known:
                raise ContractError(
                    f"{target.table} has no column {name}, which {target.source} has; if it is"
                    " nullable, `assay up` adds it; else write a migration in include/sql/ddl that"
                    f" alters {target.table}, run `assay up`, and clear publish"
                )


def _drop(connect: Connect, names: Sequence[str]) -> None:
    # What stays after a lost connection is dropped when the next batch is staged.
    with suppress(psycopg.OperationalError), autocommit(connect) as connection:
        for name in names:
            drop_staging(connection, name)


def _release(connect: Connect, change: Change, delta: Mapping[str, Measures]) -> ledger.Release:
    """Run the transaction; when the connection is lost at COMMIT, the release row decides."""
    began = time.monotonic()
    failpoints.reach("before the release")
    try:
        with autocommit(connect) as connection, connection.transaction():
            released = apply_change(connection, change, delta)
            failpoints.reach("before COMMIT")
    except psycopg.OperationalError as lost:
        with autocommit(connect) as connection:
            found = ledger.find_release(connection, change.plan.batch_id, change.versions)
        if found is None:
            raise
        emit(Progress(f"the connection was lost at COMMIT ({lost}), but the release is there"))
        released = found
    emit(
        Released(
            batch=released.batch_id,
            release_id=released.release_id,
            seconds=time.monotonic() - began,
            versions=released.versions,
            counts=released.counts,
        )
    )
    return released

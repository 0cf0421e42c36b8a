"""Publish: one transaction moves every reader from one release to the next.

The change is staged and Delta is measured before the transaction begins; inside it are only the
fence, the apply, the equations and the metadata. Whatever fails, readers keep the old release.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import psycopg

from assay import failpoints, ledger
from assay.errors import ContractError
from assay.evolution import columns_of
from assay.plan import Plan
from assay.publish.change import Change, Say, check_books, measure_targets, read_change
from assay.publish.reconciliation import Measures
from assay.publish.release import apply_change, find_standing_release
from assay.publish.staging import drop_older_staging, drop_staging, stage

Connect = Callable[[], psycopg.Connection[Any]]


def publish_pending(
    connect: Connect,
    uri: str,
    pipeline: str,
    epoch: int,
    read_plan_of: Callable[[str], Plan],
    say: Say,
) -> list[dict[str, Any]]:
    """Release every committed, unreleased batch of the pipeline, in the order of their commits."""
    with _autocommit(connect) as connection:
        pending = ledger.committed_unreleased(connection, pipeline)
    return [publish_batch(connect, uri, read_plan_of(batch), epoch, say) for batch in pending]


def publish_batch(connect: Connect, uri: str, plan: Plan, epoch: int, say: Say) -> dict[str, Any]:
    """Release one committed batch and return its release; one that is released stays as it is.

    `uri` is that of the loader, for the COPY. Raises FencedError when a newer attempt holds the
    lease, and ReconciliationError, naming the equation, when the books do not balance.
    """
    change = read_change(plan, epoch)
    check_books(change)
    with _autocommit(connect) as connection, connection.transaction():
        ledger.require_epoch(connection, plan.pipeline, epoch)
        released = find_standing_release(connection, change)
        rebuilt = ledger.was_released(connection, plan.batch_id)
    if released:
        say(f"{plan.batch_id}: is release {released['release_id']} already")
        return released
    if rebuilt:
        say(f"{plan.batch_id}: was released before it was committed anew, so all is reloaded")
        change = change.as_reload()
    with _autocommit(connect) as connection:
        _require_columns(connection, change)
    delta = measure_targets(change, say)
    with _autocommit(connect) as connection:
        drop_older_staging(connection, change.staged, epoch)
        try:
            _stage_all(connection, uri, change, say)
            return _release(connect, change, delta, say)
        finally:
            _drop_all(connection, change)


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


def _stage_all(connection: psycopg.Connection[Any], uri: str, change: Change, say: Say) -> None:
    for target in change.staged:
        began = time.monotonic()
        rows = stage(connection, uri, target, change.epoch)
        say(f"{target.table}: staged {rows:,} rows in {time.monotonic() - began:.1f} s")


def _drop_all(connection: psycopg.Connection[Any], change: Change) -> None:
    # After a lost connection the tables stay; the next publish drops those of older epochs.
    with suppress(psycopg.OperationalError):
        for target in change.staged:
            drop_staging(connection, target.staging_name(change.epoch))


def _release(
    connect: Connect, change: Change, delta: Mapping[str, Measures], say: Say
) -> dict[str, Any]:
    """Run the transaction; when the connection is lost at COMMIT, the release row decides."""
    began = time.monotonic()
    failpoints.reach("before the release")
    try:
        with _autocommit(connect) as connection, connection.transaction():
            released = apply_change(connection, change, delta)
            failpoints.reach("before COMMIT")
    except psycopg.OperationalError as lost:
        with _autocommit(connect) as connection:
            found = ledger.find_release(connection, change.plan.batch_id, change.versions)
        if found is None:
            raise
        say(f"the connection was lost at COMMIT ({lost}), but the release is there")
        released = found
    say(
        f"{change.plan.batch_id}: release {released['release_id']}"
        f" in {time.monotonic() - began:.1f} s"
    )
    return released


def _autocommit(connect: Connect) -> psycopg.Connection[Any]:
    """A new connection on which `transaction()` is the outermost transaction, and commits."""
    connection = connect()
    connection.autocommit = True
    return connection

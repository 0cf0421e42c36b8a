"""The transaction of a release: fence, apply, equations and metadata, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from assay import ledger
from assay.batch.states import PUBLISHED
from assay.ledger.indexes import build_deferred_indexes, defer_indexes
from assay.publish.change import Change
from assay.publish.live import leave_live
from assay.publish.measures import measure_postgres
from assay.publish.quarantine import check_conservation, record_movements, replace_rows
from assay.publish.reconciliation import Measures, check_same
from assay.publish.staging import require_whole, staging_of
from assay.publish.targets import Target

# A stopped attempt must not hold the lease for ever, nor a killed one finish its statement.
TRANSACTION_SETTINGS = {
    "lock_timeout": "30s",
    "statement_timeout": "30min",
    "idle_in_transaction_session_timeout": "60s",
    "client_connection_check_interval": "5s",
    "work_mem": "64MB",
}


def apply_change(
    connection: psycopg.Connection[Any], change: Change, delta: Mapping[str, Measures]
) -> ledger.Release:
    """Apply the change inside the caller's transaction; whatever raises rolls all of it back."""
    for name, value in TRANSACTION_SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, true)", [name, value])
    ledger.require_epoch(connection, change.plan.pipeline, change.epoch)
    released = find_standing_release(connection, change)
    if released:
        return released
    for target in change.to_stage:
        require_whole(connection, target)
    measured: dict[str, Measures] = {}
    for target in change.targets:
        apply_target(connection, target)
        measured[target.table] = measure_postgres(connection, target.table, target.measured)
        check_same(target.table, measured[target.table], target.source, delta[target.table])
    return _record(connection, change, measured)


def find_standing_release(
    connection: psycopg.Connection[Any], change: Change
) -> ledger.Release | None:
    """The release of this change, if it stands; the batch then is PUBLISHED, whatever it said."""
    plan = change.plan
    released = ledger.find_release(connection, plan.batch_id, change.versions)
    if released and ledger.batch_state(connection, plan.batch_id) != PUBLISHED:
        ledger.set_batch_state(connection, plan.batch_id, PUBLISHED)
    return released


def apply_target(connection: psycopg.Connection[Any], target: Target) -> None:
    """Delete what the change replaces, insert what it brings.

    Not TRUNCATE: an older snapshot would see an empty table. Sorted by key, the key's index
    grows at its right edge only: 9.7 s instead of 17.2 s for 2,000,000 rows. A table that is
    empty gets its other indexes after its rows: 10.1 s instead of 14.7 s.
    """
    table = sql.Identifier(*target.table.split("."))
    staged = staging_of(target)
    keys = sql.SQL(", ").join(map(sql.Identifier, target.keys))
    columns = sql.SQL(", ").join(map(sql.Identifier, target.names))
    matches = sql.SQL(" AND ").join(
        sql.SQL("target.{0} = change.{0}").format(sql.Identifier(key)) for key in target.keys
    )
    if target.replaces_all:
        defer_indexes(connection, target.table)
        connection.execute(sql.SQL("DELETE FROM {}").format(table))
    else:
        connection.execute(
            sql.SQL("DELETE FROM {} AS target USING {} AS change WHERE {}").format(
                table, staged, matches
            )
        )
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} {} ORDER BY {}").format(
            table,
            columns,
            columns,
            staged,
            sql.SQL("WHERE NOT deleted" if target.has_deletions else ""),
            keys,
        )
    )
    if target.replaces_all:
        build_deferred_indexes(connection, target.table)


def _record(
    connection: psycopg.Connection[Any], change: Change, measured: Mapping[str, Measures]
) -> ledger.Release:
    plan = change.plan
    # A batch planned before a full rebuild and resumed after it belongs to the newer generation.
    generation = max(plan.generation, ledger.current_generation(connection, plan.pipeline))
    for dataset, built in change.silver.items():
        ledger.record_row_ledger(
            connection,
            batch_id=plan.batch_id,
            dataset=dataset,
            generation=generation,
            classes=built.classes,
        )
    replace_rows(connection, plan, change.quarantined, generation)
    emptied = record_movements(connection, plan, change.moves)
    ledger.set_batch_state(connection, plan.batch_id, PUBLISHED)
    leave_live(connection, plan.batch_id)
    released = ledger.record_release(
        connection,
        pipeline=plan.pipeline,
        batch_id=plan.batch_id,
        epoch=change.epoch,
        generation=generation,
        versions=change.versions,
        counts={table: int(measures["rows"]) for table, measures in measured.items()},
        sums={
            table: {name: str(value) for name, value in measures.items() if name != "rows"}
            for table, measures in measured.items()
        },
        content={dataset: built.digest for dataset, built in change.silver.items()},
    )
    check_conservation(connection, [plan.batch_id, *emptied])
    return released

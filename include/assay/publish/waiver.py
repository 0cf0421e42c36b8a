"""A waiver: quarantined rows are left out for good. It changes no table that readers compute with,
so it is recorded without a release."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from assay import ledger
from assay.batch.plan import Plan
from assay.batch.states import COMMITTING, PUBLISHED
from assay.publish.quarantine import check_conservation, moves_target, record_movements
from assay.publish.staging import drop_older_staging, drop_staging, require_whole, stage


def waive_rows(
    connect: Callable[[], psycopg.Connection[Any]], uri: str, plan: Plan, epoch: int
) -> int:
    """Record the rows of the plan as waived, in one transaction; returns how many were.

    A batch that has done so already is left as it is. Raises ReconciliationError when one of the
    rows has left quarantine since the plan was made.
    """
    files = [Path(plan.quarantine_rows)]
    target = moves_target(f"waived_{plan.pipeline}", files, of_one_dataset=False)
    with connect() as connection:
        connection.autocommit = True
        if ledger.batch_state(connection, plan.batch_id) == PUBLISHED:
            return 0
        drop_older_staging(connection, [target], epoch)
        target = stage(connection, uri, target, epoch)
        rows = target.staged.rows if target.staged else 0
        try:
            with connection.transaction():
                ledger.require_epoch(connection, plan.pipeline, epoch)
                require_whole(connection, target)
                emptied = record_movements(connection, plan, {"": target})
                # As of now earlier batches are built upon: none of them may judge its rows anew.
                ledger.resume_batch(connection, plan.batch_id, COMMITTING)
                ledger.record_commit(connection, plan.batch_id, epoch)
                ledger.set_batch_state(connection, plan.batch_id, PUBLISHED)
                check_conservation(connection, emptied)
        finally:
            with suppress(psycopg.OperationalError):
                drop_staging(connection, f"{target.staging}_{epoch}")
    return rows

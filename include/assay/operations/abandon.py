"""Giving a stuck batch up: its files are pending again."""

from __future__ import annotations

from assay.batch.plan import read_plan
from assay.batch.states import COMMITTING, DRY_RUN, EMPTY, ROLLED_BACK
from assay.errors import BatchError
from assay.intake.cut_off_commit import settle_commit
from assay.intake.moves import hold_files
from assay.intake.returns import return_files
from assay.ledger import batch_state, overtake, run_of_batch, take_epoch
from assay.ledger.query import Connection
from assay.settings import Settings
from assay.spark_runtime.submit import is_locked


def abandon_batch(
    settings: Settings, connection: Connection, batch_id: str, who: str, why: str
) -> int:
    """Give the files of a batch back to landing, and return how many; a repeat completes it.

    Raises BatchError when the lake holds, or may hold, the rows of the batch.
    """
    pipeline = run_of_batch(connection, batch_id).pipeline
    with hold_files(settings, pipeline):
        state = batch_state(connection, batch_id)
        if state == COMMITTING and not is_locked(settings.locks / f"{pipeline}.lock"):
            plan = read_plan(settings.batches / batch_id / "plan.json")
            epoch = take_epoch(connection, pipeline, f"abandon {batch_id}")
            state = settle_commit(connection, plan, epoch)
        if state in (EMPTY, DRY_RUN, ROLLED_BACK):
            raise BatchError(f"{batch_id}: is {state}; it has no files to give back")
        overtake(connection, pipeline, batch_id, state, f"abandon {batch_id}")
        return return_files(settings, connection, batch_id, who, why)

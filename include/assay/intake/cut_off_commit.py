"""A commit that was cut off: did the lake get anything of it?"""

from __future__ import annotations

from collections.abc import Iterator

from assay import ledger
from assay.batch.plan import Plan
from assay.batch.states import COMMITTED, COMMITTING, PUBLISHED, RUNNING, BatchState
from assay.ledger.query import Connection
from assay.storage.delta_fence import put_fence
from assay.storage.delta_history import commits


def settle_commit(connection: Connection, plan: Plan, epoch: int) -> BatchState:
    """The state of a batch whose commit was cut off, after a look at the lake.

    What still writes, under this epoch or an older one, is fenced before the look. A commit that
    wrote nothing takes the batch back to where it was, so that it can be given up; unless a
    rollback was cut off, which has the batch on its list and must find it in the lake.
    """
    state, committed = ledger.commit_of(connection, plan.batch_id)
    if state != COMMITTING or ledger.is_rolling_back(connection, plan.pipeline):
        return state
    written = [*_written_by_commit(plan)]
    for path in written:
        put_fence(path, epoch)
    if any(
        commit.batch_id == plan.batch_id and commit.epoch > committed
        for path in written
        for commit in commits(path)
    ):
        return state
    before = RUNNING if committed < 0 else COMMITTED
    if ledger.has_standing_release(connection, plan.batch_id):
        before = PUBLISHED
    ledger.set_batch_state(connection, plan.batch_id, before)
    return before


def _written_by_commit(plan: Plan) -> Iterator[str]:
    for dataset in plan.datasets if plan.input.makes_silver else ():
        yield plan.table("quarantine", dataset)
        yield plan.table("silver", dataset)
    for contract in plan.gold:
        yield plan.table("gold", contract.name)

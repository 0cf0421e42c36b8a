"""The lease of a pipeline: one row with a monotone epoch, which fences attempts that woke late."""

from __future__ import annotations

from assay.batch.states import FAILED, RUNNING, BatchState
from assay.errors import FencedError
from assay.ledger.query import Connection, fetch_all, fetch_value


def take_epoch(connection: Connection, pipeline: str, holder: str) -> int:
    """Take the next epoch; every older attempt is fenced from now on."""
    epoch: int = fetch_value(
        connection,
        """
        INSERT INTO ops.pipeline_lease AS lease (pipeline, epoch, holder) VALUES (%s, 1, %s)
        ON CONFLICT (pipeline) DO UPDATE
        SET epoch = lease.epoch + 1, holder = excluded.holder, taken_at = clock_timestamp()
        RETURNING epoch
        """,
        [pipeline, holder],
    )
    return epoch


def raise_epoch(connection: Connection, pipeline: str, least: int, holder: str) -> tuple[int, int]:
    """Set the lease to an epoch that no attempt holds, unless it is further; before and after."""
    rows = fetch_all(
        connection,
        "SELECT epoch FROM ops.pipeline_lease WHERE pipeline = %s FOR UPDATE",
        [pipeline],
    )
    before: int = rows[0][0] if rows else 0
    after: int = fetch_value(
        connection,
        """
        INSERT INTO ops.pipeline_lease AS lease (pipeline, epoch, holder)
        VALUES (%s, greatest(%s, 1), %s)
        ON CONFLICT (pipeline) DO UPDATE
        SET epoch = greatest(lease.epoch, excluded.epoch), holder = excluded.holder,
            taken_at = clock_timestamp()
        RETURNING epoch
        """,
        [pipeline, least, holder],
    )
    return before, after


def require_epoch(connection: Connection, pipeline: str, epoch: int) -> None:
    """Lock the lease until the caller's transaction ends. Raises FencedError on another epoch.

    Call it inside an open transaction: only then does nobody take over before the commit.
    """
    rows = fetch_all(
        connection,
        "SELECT epoch, holder FROM ops.pipeline_lease WHERE pipeline = %s FOR UPDATE",
        [pipeline],
    )
    if not rows:
        raise FencedError(f"{pipeline}: there is no lease; epoch {epoch} was never taken")
    current, holder = rows[0]
    if current != epoch:
        raise FencedError(
            f"{pipeline}: this attempt has epoch {epoch}, but {holder} took epoch {current}; "
            "this attempt changed nothing"
        )


def overtake(
    connection: Connection, pipeline: str, batch_id: str, state: BatchState | None, holder: str
) -> None:
    """Fence an attempt of the batch that may live; the attempts of other batches go on."""
    has_newest = """
        SELECT EXISTS (
            SELECT FROM ops.batch_task AS task
            JOIN ops.pipeline_lease AS lease USING (epoch)
            WHERE task.batch_id = %s AND lease.pipeline = %s
        )
    """
    if state == RUNNING or (
        state == FAILED and fetch_value(connection, has_newest, [batch_id, pipeline])
    ):
        take_epoch(connection, pipeline, holder)

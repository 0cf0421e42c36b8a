"""How a batch moves on: resumed, failed, built upon."""

from __future__ import annotations

from assay.batch.states import (
    EMPTY,
    FAILED,
    GIVEN_UP,
    IN_LAKE,
    KEPT_BY_FAILURE,
    KEPT_BY_RESUME,
    RUNNING,
    WHOLE_IN_LAKE,
    BatchState,
)
from assay.ledger.batches import lock_state, set_batch_state
from assay.ledger.query import Connection, fetch_all, fetch_value


def resume_batch(connection: Connection, batch_id: str, state: BatchState) -> None:
    """A task goes on with the batch. What has been committed stays so until it commits again.

    Raises BatchError when the batch was abandoned or rolled back: its files may belong to another
    one by now.
    """
    with connection.transaction():
        if state == RUNNING and lock_state(connection, batch_id) in KEPT_BY_RESUME:
            return
        set_batch_state(connection, batch_id, state)


def fail_batch(connection: Connection, batch_id: str, error: str, *, epoch: int) -> None:
    """Keep the error; the batch is FAILED unless the lake holds, or may hold, its rows.

    Of an attempt that a newer one of the batch has followed, nothing is kept: the newer one says
    what becomes of the batch. Nothing is kept of a batch that was given up either. An EMPTY batch
    with an error has said what is wrong, and is over.
    """
    with connection.transaction():
        current = lock_state(connection, batch_id)
        if current is None or current in GIVEN_UP or _was_followed(connection, batch_id, epoch):
            return
        is_over = current == EMPTY and _has_error(connection, batch_id)
        state = current if is_over or current in KEPT_BY_FAILURE else FAILED
        set_batch_state(connection, batch_id, state, error=error)


def _was_followed(connection: Connection, batch_id: str, epoch: int) -> bool:
    query = "SELECT FROM ops.batch_task WHERE batch_id = %s AND epoch > %s LIMIT 1"
    return bool(fetch_all(connection, query, [batch_id, epoch]))


def _has_error(connection: Connection, batch_id: str) -> bool:
    query = "SELECT error IS NOT NULL FROM ops.batch WHERE batch_id = %s"
    return bool(fetch_value(connection, query, [batch_id]))


def keep_error(connection: Connection, batch_id: str, error: str | None) -> None:
    """Keep what a person should know of a batch that has ended well, in place of what was kept."""
    connection.execute("UPDATE ops.batch SET error = %s WHERE batch_id = %s", [error, batch_id])


def is_built_upon(connection: Connection, batch_id: str) -> bool:
    """True when a later batch of the pipeline has been committed on top of this one."""
    found: bool = fetch_value(
        connection,
        """
        SELECT EXISTS (
            SELECT FROM ops.batch AS own
            JOIN ops.batch AS later USING (pipeline)
            WHERE own.batch_id = %s AND own.state = ANY(%s)
              AND later.state = ANY(%s) AND later.commit_epoch > own.commit_epoch
        )
        """,
        [batch_id, [*WHOLE_IN_LAKE], [*IN_LAKE]],
    )
    return found


def rules_of_commit(connection: Connection, batch_id: str) -> str | None:
    """The rules version under which the batch was committed last."""
    rows = fetch_all(
        connection,
        "SELECT metrics ->> 'rules' FROM ops.batch_task"
        " WHERE batch_id = %s AND task_id = 'commit' AND state = 'SUCCESS'"
        " ORDER BY epoch DESC LIMIT 1",
        [batch_id],
    )
    return rows[0][0] if rows else None

"""How a batch moves on: resumed, failed, built upon."""

from __future__ import annotations

from assay.errors import BatchError
from assay.ledger.query import Connection, fetch_all, fetch_value

GIVEN_UP = ("ABANDONED", "ROLLED_BACK")  # nothing goes on with such a batch


def resume_batch(connection: Connection, batch_id: str, state: str) -> None:
    """A task goes on with the batch. What has been committed stays so until it commits again.

    Raises BatchError when the batch was abandoned or rolled back: its files may belong to another
    one by now.
    """
    with connection.transaction():
        current = fetch_value(
            connection, "SELECT state FROM ops.batch WHERE batch_id = %s FOR UPDATE", [batch_id]
        )
        if current in GIVEN_UP:
            raise BatchError(f"{batch_id}: is {current}; trigger a new run")
        connection.execute(
            """
            UPDATE ops.batch SET state = %(state)s, error = NULL, finished_at = NULL
            WHERE batch_id = %(batch_id)s
              AND (state IN ('RUNNING', 'FAILED') OR %(state)s = 'COMMITTING')
            """,
            {"state": state, "batch_id": batch_id},
        )


def fail_batch(connection: Connection, batch_id: str, error: str, *, epoch: int) -> None:
    """Keep the error; the batch is FAILED unless the lake holds, or may hold, its rows.

    Of an attempt that a newer one of the batch has followed, nothing is kept: the newer one says
    what becomes of the batch. An EMPTY batch with an error has said what is wrong, and is over.
    """
    connection.execute(
        """
        UPDATE ops.batch
        SET error = %(error)s,
            finished_at = clock_timestamp(),
            state = CASE WHEN state = 'RUNNING' OR (state = 'EMPTY' AND error IS NULL)
                         THEN 'FAILED' ELSE state END
        WHERE batch_id = %(batch_id)s AND state <> ALL(%(given_up)s)
          AND NOT EXISTS (SELECT FROM ops.batch_task
                          WHERE batch_id = %(batch_id)s AND epoch > %(epoch)s)
        """,
        {"error": error, "batch_id": batch_id, "epoch": epoch, "given_up": list(GIVEN_UP)},
    )


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
            WHERE own.batch_id = %s AND own.state IN ('COMMITTED', 'PUBLISHED')
              AND later.state IN ('COMMITTING', 'COMMITTED', 'PUBLISHED')
              AND later.commit_epoch > own.commit_epoch
        )
        """,
        [batch_id],
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

"""How a batch moves on: refused, resumed, failed, built upon; and what its run may say about it."""

from __future__ import annotations

from assay.errors import BatchError
from assay.ledger.batches import set_batch_state, start_batch
from assay.ledger.order import current_generation
from assay.ledger.query import Connection, fetch_all, fetch_value
from assay.markdown import escape_markdown
from assay.run import Run

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


def record_refusal(connection: Connection, run: Run, why: str) -> None:
    """Record a run that was refused for its params as an EMPTY batch that says why."""
    with connection.transaction():
        start_batch(
            connection,
            batch_id=run.batch_id,
            pipeline=run.pipeline,
            run_id=run.run_id,
            run_type=run.run_type,
            batch_date=run.batch_date,
            generation=current_generation(connection, run.pipeline),
            source=run.source,
        )
        set_batch_state(connection, run.batch_id, "EMPTY", error=why)


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


def summary_of_run(connection: Connection, pipeline: str, run_id: str) -> str:
    """What became of the run's batch, as Markdown: its state, then the last summary of every task.

    Names and reasons in it are those of files, so that all but our own words is escaped.
    """
    rows = fetch_all(
        connection,
        """
        SELECT batch.batch_id, batch.state, batch.error, batch.summary ->> 'would_change',
               task.summary
        FROM ops.batch
        LEFT JOIN LATERAL (
            SELECT DISTINCT ON (task_id) task_id, epoch, summary FROM ops.batch_task
            WHERE batch_id = batch.batch_id AND summary <> '' ORDER BY task_id, epoch DESC
        ) AS task ON true
        WHERE batch.pipeline = %s AND batch.run_id = %s ORDER BY task.epoch
        """,
        [pipeline, run_id],
    )
    if not rows:
        return ""
    batch_id, state, error, would_change, _ = rows[0]
    told = [*(row[4] for row in rows), would_change and f"would change {would_change}"]
    lines = [f"- {escape_markdown(line)}" for line in told if line]
    ended = [f"\n**{escape_markdown(error)}**"] if error else []
    return "\n".join([f"batch {batch_id}: {state}", *lines, *ended])

"""Task attempts: one row per epoch, from its start to how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assay.errors import BatchError
from assay.ledger.query import Connection, as_json, fetch_all, fetch_value


@dataclass(frozen=True)
class TaskAttempt:
    """One attempt of one task of a batch."""

    task_id: str
    epoch: int
    try_number: int
    state: str
    started_at: datetime
    finished_at: datetime | None
    summary: str
    metrics: dict[str, Any] | None
    error: str | None

    @property
    def seconds(self) -> float | None:
        if self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


def start_task(
    connection: Connection, *, batch_id: str, task_id: str, epoch: int, try_number: int
) -> None:
    """Record the start of an attempt; older ones that never reported an end are LOST."""
    with connection.transaction():
        connection.execute(
            "UPDATE ops.batch_task SET state = 'LOST', finished_at = clock_timestamp()"
            " WHERE batch_id = %s AND task_id = %s AND epoch < %s AND state = 'RUNNING'",
            [batch_id, task_id, epoch],
        )
        connection.execute(
            "INSERT INTO ops.batch_task (batch_id, task_id, epoch, try_number, state)"
            " VALUES (%s, %s, %s, %s, 'RUNNING') ON CONFLICT DO NOTHING",
            [batch_id, task_id, epoch, try_number],
        )


def finish_task(
    connection: Connection,
    *,
    batch_id: str,
    task_id: str,
    epoch: int,
    state: str,
    summary: str = "",
    metrics: Mapping[str, object] | None = None,
    error: str | None = None,
) -> None:
    """Record how an attempt ended. Raises BatchError when it was never started."""
    found = fetch_value(
        connection,
        """
        UPDATE ops.batch_task
        SET state = %s, summary = %s, metrics = %s, error = %s, finished_at = clock_timestamp()
        WHERE batch_id = %s AND task_id = %s AND epoch = %s
        RETURNING epoch
        """,
        [state, summary, as_json(metrics), error, batch_id, task_id, epoch],
    )
    if found is None:
        raise BatchError(f"{batch_id}: task {task_id} with epoch {epoch} was never started")


def task_summaries(connection: Connection, batch_id: str) -> list[TaskAttempt]:
    """Every attempt of the batch, in the order they began."""
    rows = fetch_all(
        connection,
        "SELECT task_id, epoch, try_number, state, started_at, finished_at, summary, metrics, error"
        " FROM ops.batch_task WHERE batch_id = %s ORDER BY epoch, started_at, task_id",
        [batch_id],
    )
    return [TaskAttempt(*row) for row in rows]

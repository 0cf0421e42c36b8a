"""Batches in the books. Every change of a state goes by the table of `batch.states`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.batch.plan import Plan
from assay.batch.states import (
    CLOSED,
    COMMITTED,
    DRY_RUN,
    FAILED,
    OPEN,
    RUNNING,
    BatchState,
    refusal,
)
from assay.errors import BatchError
from assay.ledger.query import Connection, as_json, fetch_all, fetch_value

ENDED = (*CLOSED, FAILED)  # its last attempt is over


def start_batch(
    connection: Connection,
    *,
    batch_id: str,
    pipeline: str,
    run_id: str,
    run_type: str,
    batch_date: str,
    generation: int,
    source: str,
    contract_versions: Mapping[str, str] | None = None,
) -> None:
    """Register a batch as RUNNING; one that is known already keeps its row and state."""
    with connection.transaction():
        connection.execute(
            """
            INSERT INTO ops.batch (batch_id, pipeline, run_id, run_type, batch_date, state,
                                   source, generation, contract_versions)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (batch_id) DO NOTHING
            """,
            [
                batch_id,
                pipeline,
                run_id,
                run_type,
                batch_date,
                RUNNING,
                source,
                generation,
                as_json(contract_versions),
            ],
        )


def set_batch_state(
    connection: Connection,
    batch_id: str,
    state: BatchState,
    *,
    error: str | None = None,
    summary: Mapping[str, object] | None = None,
    manifest_hash: str | None = None,
) -> None:
    """Move a batch to a state; without `error`, an earlier error is cleared.

    Raises BatchError, with the way out, for an unknown batch and for a move that
    `batch.states.MOVES` does not have.
    """
    with connection.transaction():
        current = lock_state(connection, batch_id)
        if current is None:
            raise BatchError(f"{batch_id}: no such batch; see `assay batch list`")
        if refused := refusal(batch_id, current, state):
            raise BatchError(refused)
        connection.execute(
            """
            UPDATE ops.batch
            SET state = %(state)s,
                error = %(error)s,
                summary = coalesce(%(summary)s, summary),
                manifest_hash = coalesce(%(manifest_hash)s, manifest_hash),
                committed_at = CASE WHEN %(state)s = %(committed)s AND state <> %(committed)s
                                    THEN clock_timestamp() ELSE committed_at END,
                finished_at = CASE WHEN %(state)s = ANY(%(ended)s) OR %(error)s::text IS NOT NULL
                                   THEN clock_timestamp() END
            WHERE batch_id = %(batch_id)s
            """,
            {
                "state": state,
                "error": error,
                "summary": as_json(summary),
                "manifest_hash": manifest_hash,
                "committed": COMMITTED,
                "ended": [*ENDED],
                "batch_id": batch_id,
            },
        )


def record_commit(connection: Connection, batch_id: str, epoch: int) -> None:
    """The lake has the batch, by the attempt of this epoch, which says what comes after what."""
    with connection.transaction():
        set_batch_state(connection, batch_id, COMMITTED)
        connection.execute(
            "UPDATE ops.batch SET commit_epoch = %s WHERE batch_id = %s", [epoch, batch_id]
        )


def record_dry_run(
    connection: Connection, plan: Plan, *, run_type: str, summary: Mapping[str, object]
) -> None:
    """Record what a dry run would have done: one row in state DRY_RUN, and nothing else."""
    with connection.transaction():
        start_batch(
            connection,
            batch_id=plan.batch_id,
            pipeline=plan.pipeline,
            run_id=plan.run_id,
            run_type=run_type,
            batch_date=plan.batch_date,
            generation=plan.generation,
            source=plan.input.source,
        )
        set_batch_state(
            connection,
            plan.batch_id,
            DRY_RUN,
            summary=summary,
            manifest_hash=plan.input.identity(),
        )


def batch_state(connection: Connection, batch_id: str) -> BatchState | None:
    state = fetch_value(connection, "SELECT state FROM ops.batch WHERE batch_id = %s", [batch_id])
    return BatchState(state) if state else None


def lock_state(connection: Connection, batch_id: str) -> BatchState | None:
    """The state of a batch, which nobody else changes before the end of the transaction."""
    state = fetch_value(
        connection, "SELECT state FROM ops.batch WHERE batch_id = %s FOR UPDATE", [batch_id]
    )
    return BatchState(state) if state else None


def batches_in_state(
    connection: Connection, pipeline: str, states: Sequence[BatchState]
) -> list[str]:
    """Batches of the pipeline in one of the states, oldest first."""
    rows = fetch_all(
        connection,
        "SELECT batch_id FROM ops.batch WHERE pipeline = %s AND state = ANY(%s) ORDER BY number",
        [pipeline, [*states]],
    )
    return [batch_id for (batch_id,) in rows]


@dataclass(frozen=True)
class RunOfBatch:
    """Whose a batch is: its pipeline, and the run of the DAG that made it."""

    pipeline: str
    run_id: str


def run_of_batch(connection: Connection, batch_id: str) -> RunOfBatch:
    """Raises BatchError for an unknown batch."""
    query = "SELECT pipeline, run_id FROM ops.batch WHERE batch_id = %s"
    rows = fetch_all(connection, query, [batch_id])
    if not rows:
        raise BatchError(f"{batch_id}: no such batch; see `assay batch list`")
    return RunOfBatch(*rows[0])


def open_batches(
    connection: Connection, pipeline: str | None
) -> list[tuple[str, BatchState, str | None]]:
    """Batches that have not ended, newest first, with state and error; None means of all."""
    rows = fetch_all(
        connection,
        "SELECT batch_id, state, error FROM ops.batch WHERE state = ANY(%s)"
        " AND (%s::text IS NULL OR pipeline = %s) ORDER BY started_at DESC, batch_id",
        [[*OPEN], pipeline, pipeline],
    )
    return [(batch_id, BatchState(state), error) for batch_id, state, error in rows]

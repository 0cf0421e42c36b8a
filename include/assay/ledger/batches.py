"""Batches and their states.

RUNNING -> COMMITTING -> COMMITTED -> PUBLISHED, or EMPTY, FAILED, ABANDONED, DRY_RUN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.errors import BatchError
from assay.ledger.query import Connection, as_json, fetch_all, fetch_value
from assay.plan import Plan

# The tables of the lake hold, or may hold, the rows of a batch in one of these states.
IN_LAKE = ("COMMITTING", "COMMITTED", "PUBLISHED")
ENDED = ("PUBLISHED", "EMPTY", "FAILED", "ABANDONED", "DRY_RUN")
# A failure after the commit leaves a batch where the next publish finds it; a commit that knows
# that it wrote nothing may go back to RUNNING.
KEPT = {
    ("COMMITTING", "FAILED"),
    ("COMMITTED", "FAILED"),
    ("COMMITTED", "RUNNING"),
    ("PUBLISHED", "FAILED"),
    ("PUBLISHED", "RUNNING"),
}


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
            VALUES (%s, %s, %s, %s, %s, 'RUNNING', %s, %s, %s)
            ON CONFLICT (batch_id) DO NOTHING
            """,
            [
                batch_id,
                pipeline,
                run_id,
                run_type,
                batch_date,
                source,
                generation,
                as_json(contract_versions),
            ],
        )


def set_batch_state(
    connection: Connection,
    batch_id: str,
    state: str,
    *,
    error: str | None = None,
    summary: Mapping[str, Any] | None = None,
    manifest_hash: str | None = None,
) -> None:
    """Move a batch to a state; without `error`, an earlier error is cleared.

    A batch that the lake holds keeps its state when it is told to fail: only the error is
    recorded. Raises BatchError for an unknown batch, and for abandoning one that the lake holds.
    """
    with connection.transaction():
        current = fetch_value(
            connection, "SELECT state FROM ops.batch WHERE batch_id = %s FOR UPDATE", [batch_id]
        )
        if current is None:
            raise BatchError(f"{batch_id}: no such batch; see `assay batch list`")
        if state == "ABANDONED" and current in IN_LAKE:
            raise BatchError(
                f"{batch_id}: is {current}, so the lake may hold its rows and it cannot be "
                "abandoned; run `assay batch retry` to bring it to its end"
            )
        if (current, state) in KEPT:
            state = current
        connection.execute(
            """
            UPDATE ops.batch
            SET state = %(state)s,
                error = %(error)s,
                summary = coalesce(%(summary)s, summary),
                manifest_hash = coalesce(%(manifest_hash)s, manifest_hash),
                committed_at = CASE WHEN %(state)s = 'COMMITTED' AND state <> 'COMMITTED'
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
                "ended": list(ENDED),
                "batch_id": batch_id,
            },
        )


def record_dry_run(
    connection: Connection, plan: Plan, *, run_type: str, summary: Mapping[str, Any]
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
            source=plan.source,
        )
        set_batch_state(
            connection,
            plan.batch_id,
            "DRY_RUN",
            summary=summary,
            manifest_hash=plan.manifest_hash,
        )


def batch_state(connection: Connection, batch_id: str) -> str | None:
    state: str | None = fetch_value(
        connection, "SELECT state FROM ops.batch WHERE batch_id = %s", [batch_id]
    )
    return state


def batches_in_state(connection: Connection, pipeline: str, states: Sequence[str]) -> list[str]:
    """Batches of the pipeline in one of the states, oldest first."""
    rows = fetch_all(
        connection,
        "SELECT batch_id FROM ops.batch WHERE pipeline = %s AND state = ANY(%s)"
        " ORDER BY started_at, batch_id",
        [pipeline, list(states)],
    )
    return [batch_id for (batch_id,) in rows]


def committed_unreleased(connection: Connection, pipeline: str) -> list[str]:
    """Batches that Delta has and readers have not, in the order they were committed."""
    rows = fetch_all(
        connection,
        "SELECT batch_id FROM ops.batch WHERE pipeline = %s AND state = 'COMMITTED'"
        " ORDER BY committed_at, batch_id",
        [pipeline],
    )
    return [batch_id for (batch_id,) in rows]


def batches_under_way(
    connection: Connection, datasets: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Batches, pipelines and runs that will change one of these datasets, unless they fail."""
    return fetch_all(
        connection,
        "SELECT batch_id, pipeline, run_id FROM ops.batch"
        " WHERE state IN ('RUNNING', 'COMMITTING', 'COMMITTED')"
        " AND error IS NULL AND source <> 'silver' AND contract_versions ?| %s ORDER BY batch_id",
        [[f"silver.{dataset}" for dataset in datasets]],
    )


def runs_before(connection: Connection, pipeline: str, batch_id: str) -> list[str]:
    """The runs of the newest 20 batches registered before this one, or of all, if it is not yet.

    Dry runs are left out: they take no file and no lease.
    """
    rows = fetch_all(
        connection,
        """
        SELECT run_id FROM ops.batch
        WHERE pipeline = %(pipeline)s AND batch_id <> %(batch_id)s AND state <> 'DRY_RUN'
          AND started_at < coalesce(
              (SELECT started_at FROM ops.batch WHERE batch_id = %(batch_id)s), 'infinity')
        ORDER BY started_at DESC LIMIT 20
        """,
        {"pipeline": pipeline, "batch_id": batch_id},
    )
    return [run_id for (run_id,) in rows]


def current_generation(connection: Connection, pipeline: str) -> int:
    """The ledger generation that the lake is in: a rebuild counts once it is committed."""
    generation: int = fetch_value(
        connection,
        "SELECT coalesce(max(generation), 1) FROM ops.batch"
        " WHERE pipeline = %s AND state = ANY(%s)",
        [pipeline, list(IN_LAKE)],
    )
    return generation


def next_generation(connection: Connection, pipeline: str) -> int:
    """A generation that no batch has had, for a full rebuild."""
    generation: int = fetch_value(
        connection,
        "SELECT coalesce(max(generation), 0) + 1 FROM ops.batch"
        " WHERE pipeline = %s AND state <> 'DRY_RUN'",
        [pipeline],
    )
    return generation

"""Batches and releases in the ledger that no run has made."""

from __future__ import annotations

from typing import Any

import psycopg

from assay import ledger
from assay.batch.states import COMMITTING, MOVES, BatchState

Connection = psycopg.Connection[Any]


def start_batch(
    connection: Connection,
    batch_id: str,
    *states: str,
    pipeline: str = "trades",
    generation: int = 1,
) -> None:
    """Register a batch, and let it go through these states."""
    ledger.start_batch(
        connection,
        batch_id=batch_id,
        pipeline=pipeline,
        run_id=f"run of {batch_id}",
        run_type="manual",
        batch_date="2026-01-01",
        generation=generation,
        source="files",
        contract_versions={f"silver.{pipeline}": "1.0.0"},
    )
    for state in states:
        if state == "COMMITTED":
            commit(connection, batch_id, ledger.take_epoch(connection, pipeline, batch_id))
        else:
            bring_to(connection, batch_id, state)


def commit(connection: Connection, batch_id: str, epoch: int) -> None:
    """Record that the lake has the batch, as the attempts of a commit do."""
    ledger.resume_batch(connection, batch_id, COMMITTING)
    ledger.record_commit(connection, batch_id, epoch)


def bring_to(
    connection: Connection, batch_id: str, state: str, *, error: str | None = None
) -> None:
    """Let a batch go the shortest way from its state to another."""
    now = ledger.batch_state(connection, batch_id)
    assert now
    ways: dict[BatchState, list[BatchState]] = {now: []}
    for reached in (queue := [now]):
        for following in MOVES[reached]:
            if following not in ways:
                ways[following] = [*ways[reached], following]
                queue.append(following)
    for step in ways[BatchState(state)][:-1]:
        ledger.set_batch_state(connection, batch_id, step)
    ledger.set_batch_state(connection, batch_id, BatchState(state), error=error)


def release(
    connection: Connection, batch_id: str, versions: dict[str, int], pipeline: str = "trades"
) -> ledger.Release:
    """Record a release of a batch that is registered."""
    return ledger.record_release(
        connection,
        pipeline=pipeline,
        batch_id=batch_id,
        epoch=1,
        generation=1,
        versions=versions,
        counts={},
        sums={},
        content={},
    )

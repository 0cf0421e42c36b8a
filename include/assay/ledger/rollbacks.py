"""Rollbacks in the books: at most one of a pipeline is under way, and a repeat goes on with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assay.batch.states import COMMITTING, ROLLED_BACK, BatchState
from assay.errors import BatchError
from assay.ledger.batches import set_batch_state
from assay.ledger.query import Connection, as_json, fetch_all

COLUMNS = "rollback_id, pipeline, to_release, batches, versions, gives_back, who, why, state"
State = Literal["RESTORING", "RELEASED", "DONE"]


@dataclass(frozen=True)
class Rollback:
    """What is taken back: `batches` become ROLLED_BACK, newest first; tables go to `versions`.

    `to_release` is None when there was no release before.
    """

    rollback_id: str
    pipeline: str
    to_release: int | None
    batches: list[str]
    versions: dict[str, int]
    gives_back: bool
    who: str
    why: str
    state: State = "RESTORING"


def open_rollback(connection: Connection, pipeline: str) -> Rollback | None:
    """The rollback of the pipeline that has not come to its end."""
    rows = fetch_all(
        connection,
        f"SELECT {COLUMNS} FROM ops.rollback WHERE pipeline = %s AND state <> 'DONE'",  # noqa: S608
        [pipeline],
    )
    return Rollback(*rows[0]) if rows else None


def is_rolling_back(connection: Connection, pipeline: str) -> bool:
    """Whether tables of the pipeline may stand between two releases."""
    return open_rollback(connection, pipeline) is not None


def require_no_rollback(connection: Connection, pipeline: str) -> None:
    """Raise BatchError while tables of the pipeline may stand between two releases."""
    found = open_rollback(connection, pipeline)
    if found:
        target = "" if found.to_release is None else f" --to {found.to_release}"
        first = found.batches[0] if found.batches else "BATCH"
        raise BatchError(
            f"{found.rollback_id}: this rollback of {pipeline} was cut off, and nothing goes on"
            " before it is complete; run it again:"
            f" `assay release rollback{target or f' --batch {first}'} --why ...`"
        )


def start_rollback(connection: Connection, rollback: Rollback) -> None:
    """Record what is about to be done; from here on it can only be completed."""
    connection.execute(
        f"INSERT INTO ops.rollback ({COLUMNS})"  # noqa: S608  # names of our own
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            rollback.rollback_id,
            rollback.pipeline,
            rollback.to_release,
            rollback.batches,
            as_json(rollback.versions),
            rollback.gives_back,
            rollback.who,
            rollback.why,
            rollback.state,
        ],
    )


def set_rollback_state(connection: Connection, rollback_id: str, state: State) -> None:
    connection.execute(
        "UPDATE ops.rollback SET state = %s, finished_at = CASE WHEN %s = 'DONE'"
        " THEN clock_timestamp() END WHERE rollback_id = %s",
        [state, state, rollback_id],
    )


def take_back(connection: Connection, rollback: Rollback) -> None:
    """Batches and releases are rolled back from now on; in the caller's transaction."""
    error = f"rolled back by {rollback.who}: {rollback.why}"
    for batch_id in rollback.batches:
        set_batch_state(connection, batch_id, ROLLED_BACK, error=error)
    connection.execute(
        "UPDATE ops.release SET rolled_back_by = %s WHERE pipeline = %s"
        " AND release_id > %s AND rolled_back_by IS NULL",
        [rollback.rollback_id, rollback.pipeline, rollback.to_release or 0],
    )
    connection.execute(
        "DELETE FROM ops.row_ledger WHERE batch_id = ANY(%s)",
        [rollback.batches],
    )


def batches_in_lake(
    connection: Connection, pipeline: str, states: Sequence[BatchState]
) -> list[str]:
    """Batches that the lake has, the newest commit first; one that is at it comes before all."""
    rows = fetch_all(
        connection,
        "SELECT batch_id FROM ops.batch WHERE pipeline = %s AND state = ANY(%s)"
        " ORDER BY state = %s DESC, commit_epoch DESC, number DESC",
        [pipeline, [*states], COMMITTING],
    )
    return [batch_id for (batch_id,) in rows]

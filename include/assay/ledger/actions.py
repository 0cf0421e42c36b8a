"""Actions: what people have had done to a batch, with who and why."""

from __future__ import annotations

from typing import Literal, get_args

from assay.ledger.query import Connection

Action = Literal["retry", "reject-file", "abandon"]
StreamAction = Literal["start", "stop", "reject", "readmit", "skip"]
ACTIONS: tuple[Action, ...] = get_args(Action)


def record_action(
    connection: Connection,
    batch_id: str,
    action: Action,
    *,
    who: str,
    why: str,
    source_file: str | None = None,
) -> None:
    """Keep that an action was done; `source_file` is the file that was rejected."""
    connection.execute(
        "INSERT INTO ops.batch_action (batch_id, action, source_file, who, why)"
        " VALUES (%s, %s, %s, %s, %s)",
        [batch_id, action, source_file, who, why],
    )

"""Verdicts of the quality gates: one row per expectation and attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.ledger.query import Connection, as_json, fetch_all

DEFAULTS: dict[str, Any] = {
    "subject": None,
    "overridden": False,
    "overridden_by": None,
    "override_reason": None,
    "observed": None,
    "unexpected_count": None,
    "failing": None,
}


def record_validation(
    connection: Connection,
    batch_id: str,
    epoch: int,
    layer: str,
    verdicts: Sequence[Mapping[str, Any]],
) -> None:
    """Record the verdicts of one gate; a second call of the same attempt replaces them.

    A verdict has the columns of ops.validation_result from `table_name` to `failing`.
    """
    attempt = {"batch_id": batch_id, "epoch": epoch, "layer": layer}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ops.validation_result"
            " WHERE batch_id = %(batch_id)s AND epoch = %(epoch)s AND layer = %(layer)s",
            attempt,
        )
        cursor.executemany(
            """
            INSERT INTO ops.validation_result (batch_id, epoch, layer, table_name, expectation,
                frame, type, kwargs, severity, success, overridden, overridden_by,
                override_reason, observed, unexpected_count, failing, subject)
            VALUES (%(batch_id)s, %(epoch)s, %(layer)s, %(table_name)s, %(expectation)s,
                %(frame)s, %(type)s, %(kwargs)s, %(severity)s, %(success)s, %(overridden)s,
                %(overridden_by)s, %(override_reason)s, %(observed)s, %(unexpected_count)s,
                %(failing)s, %(subject)s)
            """,
            [{**DEFAULTS, **_row(verdict), **attempt} for verdict in verdicts],
        )


def verdicts_in_force(
    connection: Connection, batch_id: str
) -> dict[tuple[str, str], dict[str, Any]]:
    """By table and expectation: the newest verdict on a batch, and what it judged."""
    columns = ("table_name", "expectation", "success", "severity", "overridden", "subject")
    rows = fetch_all(
        connection,
        f"SELECT DISTINCT ON (table_name, expectation) {', '.join(columns)}"  # noqa: S608
        " FROM ops.validation_result WHERE batch_id = %s"
        " ORDER BY table_name, expectation, epoch DESC",
        [batch_id],
    )
    return {(row[0], row[1]): dict(zip(columns, row, strict=True)) for row in rows}


TOLD = (
    "layer, table_name, expectation, frame, type, kwargs, severity, success, overridden,"
    " overridden_by, override_reason, observed, unexpected_count, failing, checked_at"
)


def newest_verdicts(connection: Connection, batch_id: str) -> list[dict[str, Any]]:
    """The verdicts of the newest attempt at each gate of a batch, in the order of the gates."""
    rows = fetch_all(
        connection,
        f"SELECT {TOLD} FROM ops.validation_result AS verdict"  # noqa: S608  # names of our own
        " WHERE batch_id = %(batch)s AND epoch = (SELECT max(epoch) FROM ops.validation_result"
        " AS newest WHERE newest.batch_id = %(batch)s AND newest.layer = verdict.layer)"
        " ORDER BY array_position(ARRAY['bronze', 'silver', 'gold'], layer), table_name,"
        " success, expectation",
        {"batch": batch_id},
    )
    return [dict(zip(TOLD.split(", "), row, strict=True)) for row in rows]


def _row(verdict: Mapping[str, Any]) -> dict[str, Any]:
    observed = verdict.get("observed")
    return {
        **verdict,
        "kwargs": as_json(verdict["kwargs"]),
        "failing": as_json(verdict.get("failing")),
        "observed": None if observed is None else str(observed),
    }

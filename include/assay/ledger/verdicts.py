"""Verdicts of the quality gates: one row per expectation and attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from assay.batch.verdicts import RecordedVerdict, Verdict
from assay.ledger.query import Connection, as_json, fetch_all

COLUMNS = tuple(field.name for field in fields(RecordedVerdict))


def record_validation(
    connection: Connection,
    batch_id: str,
    epoch: int,
    layer: str,
    verdicts: Sequence[Verdict],
) -> None:
    """Record the verdicts of one gate; a second call of the same attempt replaces them."""
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
            [{**_row(verdict), **attempt} for verdict in verdicts],
        )


def verdicts_in_force(
    connection: Connection, batch_id: str
) -> dict[tuple[str, str], RecordedVerdict]:
    """By table and expectation: the newest verdict on a batch, and what it judged."""
    rows = fetch_all(
        connection,
        f"SELECT DISTINCT ON (table_name, expectation) {', '.join(COLUMNS)}"  # noqa: S608
        " FROM ops.validation_result WHERE batch_id = %s"
        " ORDER BY table_name, expectation, epoch DESC",
        [batch_id],
    )
    found = map(_verdict, rows)
    return {(verdict.table_name, verdict.expectation): verdict for verdict in found}


def newest_verdicts(connection: Connection, batch_id: str) -> list[RecordedVerdict]:
    """The verdicts of the newest attempt at each gate of a batch, in the order of the gates."""
    rows = fetch_all(
        connection,
        f"SELECT {', '.join(COLUMNS)} FROM ops.validation_result AS verdict"  # noqa: S608
        " WHERE batch_id = %(batch)s AND epoch = (SELECT max(epoch) FROM ops.validation_result"
        " AS newest WHERE newest.batch_id = %(batch)s AND newest.layer = verdict.layer)"
        " ORDER BY array_position(ARRAY['bronze', 'silver', 'gold'], layer), table_name,"
        " success, expectation",
        {"batch": batch_id},
    )
    return [*map(_verdict, rows)]


def _row(verdict: Verdict) -> dict[str, object]:
    asked_and_found = {"kwargs": as_json(verdict.kwargs), "failing": as_json(verdict.failing)}
    return {**asdict(verdict), **asked_and_found}


def _verdict(row: tuple[Any, ...]) -> RecordedVerdict:
    facts = dict(zip(COLUMNS, row, strict=True))
    return RecordedVerdict(**{**facts, "failing": facts["failing"] or []})

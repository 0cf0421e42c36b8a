"""What is in quarantine: counts by reason, and the open rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row

from assay.errors import BatchError
from assay.ledger.query import Connection, fetch_value

COUNTS = """
    SELECT dataset, batch_id, number, reason, quarantined, open, replayed, patched, waived
    FROM ops.quarantine_summary JOIN ops.batch USING (batch_id)
    WHERE (%(dataset)s::text IS NULL OR dataset = %(dataset)s)
      AND (%(batch)s::text IS NULL OR batch_id = %(batch)s)
      AND (%(reason)s::text IS NULL OR reason = %(reason)s)
    ORDER BY dataset, number, reason
"""
OPEN_ROWS = """
    SELECT row_id, dataset, batch_id, source_file, record_number, reasons, raw
    FROM ops.quarantine_open
    WHERE (%(dataset)s::text IS NULL OR dataset = %(dataset)s)
      AND (%(batch)s::text IS NULL OR batch_id = %(batch)s)
      AND (%(reason)s::text IS NULL OR %(reason)s = ANY(reasons))
    ORDER BY dataset, batch_id, source_file, record_number
    LIMIT %(limit)s
"""
ROWS_PER_FETCH = 8192
Row = dict[str, Any]


@dataclass(frozen=True)
class Filter:
    """Which rows are meant; None is all of them."""

    dataset: str | None = None
    batch: str | None = None
    reason: str | None = None


def count_rows(connection: Connection, wanted: Filter) -> list[Row]:
    """Rows by dataset, batch and reason, and what became of them; one counts for each reason."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(COUNTS, vars(wanted)).fetchall()


def open_rows(connection: Connection, wanted: Filter, limit: int | None = None) -> Iterator[Row]:
    """Open rows with file, record number, all reasons and their text; streamed."""
    with (
        connection.transaction(),
        connection.cursor("open_rows", row_factory=dict_row) as cursor,
    ):
        cursor.itersize = ROWS_PER_FETCH
        cursor.execute(OPEN_ROWS, {**vars(wanted), "limit": limit})
        yield from cursor


def require_open_rows(connection: Connection, dataset: str) -> None:
    """Raises BatchError when no row of the dataset is in quarantine."""
    has_rows = "SELECT EXISTS (SELECT FROM ops.quarantine_open WHERE dataset = %s)"
    if not fetch_value(connection, has_rows, [dataset]):
        raise BatchError(f"{dataset}: no row is in quarantine; see assay quarantine list")

"""What is in quarantine: counts by reason, and the open rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg.rows import class_row

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


@dataclass(frozen=True)
class ReasonCount:
    """Rows that a batch quarantined for one reason, and what became of them.

    `number` is the batch's own, for people.
    """

    dataset: str
    batch_id: str
    number: int
    reason: str
    quarantined: int
    open: int
    replayed: int
    patched: int
    waived: int


@dataclass(frozen=True)
class OpenRow:
    """A row that is in quarantine, with all of its reasons and its text as delivered."""

    row_id: str
    dataset: str
    batch_id: str
    source_file: str
    record_number: int
    reasons: list[str]
    raw: str


@dataclass(frozen=True)
class Filter:
    """Which rows are meant; None is all of them."""

    dataset: str | None = None
    batch: str | None = None
    reason: str | None = None


def count_rows(connection: Connection, wanted: Filter) -> list[ReasonCount]:
    """Rows by dataset, batch and reason; one with several reasons counts for each."""
    with connection.cursor(row_factory=class_row(ReasonCount)) as cursor:
        return cursor.execute(COUNTS, vars(wanted)).fetchall()


def open_rows(
    connection: Connection, wanted: Filter, limit: int | None = None
) -> Iterator[OpenRow]:
    """Open rows by file and record number; streamed."""
    with (
        connection.transaction(),
        connection.cursor("open_rows", row_factory=class_row(OpenRow)) as cursor,
    ):
        cursor.itersize = ROWS_PER_FETCH
        cursor.execute(OPEN_ROWS, {**vars(wanted), "limit": limit})
        yield from cursor


def require_open_rows(connection: Connection, dataset: str) -> None:
    """Raises BatchError when no row of the dataset is in quarantine."""
    has_rows = "SELECT EXISTS (SELECT FROM ops.quarantine_open WHERE dataset = %s)"
    if not fetch_value(connection, has_rows, [dataset]):
        raise BatchError(f"{dataset}: no row is in quarantine; see assay quarantine list")

"""The rows in quarantine as batches ask for them, and whether they are still there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from psycopg.rows import args_row

from assay.batch.input_kind import Purpose
from assay.batch.states import WHOLE_IN_LAKE
from assay.ledger.query import Connection, fetch_all

# The batch in whose bronze a row lies is the one that accepted its slice: a rebuild has its own id.
ROWS = """
    SELECT row.dataset, row.row_id, row.slice_id, row.record_number, own.batch_id,
           moved.how, moved.to_batch
    FROM ops.quarantine_row AS row
    LEFT JOIN ops.quarantine_movement AS moved
        ON moved.dataset = row.dataset AND moved.row_id = row.row_id
    JOIN LATERAL (
        SELECT taken.batch_id FROM ops.batch_slice AS taken
        JOIN ops.batch USING (batch_id)
        WHERE taken.dataset = row.dataset AND taken.slice_id = row.slice_id
          AND taken.verdict = 'accepted' AND batch.state = ANY(%(in_lake)s)
        ORDER BY batch.commit_epoch LIMIT 1
    ) AS own ON true
    WHERE row.dataset = ANY(%(datasets)s) AND CASE %(purpose)s
        WHEN 'rebuild' THEN moved.how IN ('patched', 'waived')
        ELSE (moved.row_id IS NULL OR moved.to_batch = %(batch_id)s)
    END
      AND (%(only_batch)s::text IS NULL OR row.batch_id = %(only_batch)s)
      AND (%(only_reason)s::text IS NULL OR %(only_reason)s = ANY(row.reasons))
      -- A record of a patch stands for another row; it is patched again, or waived.
      AND (%(purpose)s <> 'replay' OR row.source_file !~ %(patch_name)s)
    ORDER BY row.dataset, row.row_id
"""
NAMES = """
    SELECT DISTINCT {name} FROM ops.quarantine_row AS row
    WHERE row.dataset = ANY(%(datasets)s)
      AND (%(only_batch)s::text IS NULL OR row.batch_id = %(only_batch)s)
    ORDER BY 1
"""


@dataclass(frozen=True)
class RowsWanted:
    """Which rows matter to a batch: open ones; of a rebuild, those that were patched or waived.

    Rows that the batch itself has moved, in an attempt before, count as open. `patch_name` is the
    pattern of the files that hold patches.
    """

    purpose: Purpose
    batch_id: str
    datasets: list[str]
    only_batch: str | None
    only_reason: str | None
    patch_name: str


class QuarantinedRow(NamedTuple):
    """A row and the batch in whose bronze it lies; `how` and `to_batch` are None while open."""

    dataset: str
    row_id: str
    slice_id: str
    record_number: int
    from_batch: str
    how: str | None
    to_batch: str | None


def rows_for_batch(
    connection: Connection, wanted: RowsWanted, at_once: int
) -> Iterator[list[QuarantinedRow]]:
    """The rows, so many at once from a cursor of the server: memory does not grow with them."""
    with (
        connection.transaction(),
        connection.cursor("quarantine_rows", row_factory=args_row(QuarantinedRow)) as cursor,
    ):
        cursor.execute(ROWS, {**asdict(wanted), "in_lake": [*WHOLE_IN_LAKE]})
        while rows := cursor.fetchmany(at_once):
            yield rows


def batches_in_quarantine(connection: Connection, datasets: Sequence[str]) -> list[str]:
    """Batches that have ever put a row of these datasets there."""
    return _names(connection, "row.batch_id", datasets, None)


def reasons_in_quarantine(
    connection: Connection, datasets: Sequence[str], only_batch: str | None
) -> list[str]:
    """Reasons of all rows of these datasets, or of those that one batch put there."""
    return _names(connection, "unnest(row.reasons)", datasets, only_batch)


def _names(
    connection: Connection, name: str, datasets: Sequence[str], only_batch: str | None
) -> list[str]:
    asked = {"datasets": [*datasets], "only_batch": only_batch}
    return [found for (found,) in fetch_all(connection, NAMES.format(name=name), asked)]


def moved_otherwise(
    connection: Connection, dataset: str, row_ids: Sequence[str], batch_id: str
) -> tuple[str, str] | None:
    """One of the rows that has left quarantine without this batch, and how; None if none has."""
    rows = fetch_all(
        connection,
        "SELECT row_id, how FROM ops.quarantine_movement WHERE dataset = %s"
        " AND row_id = ANY(%s) AND to_batch IS DISTINCT FROM %s LIMIT 1",
        [dataset, [*row_ids], batch_id],
    )
    return (rows[0][0], rows[0][1]) if rows else None

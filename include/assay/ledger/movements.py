"""Into quarantine and out of it: what a release records, and what a rollback takes back.

Rows come from staging tables, which `staged` names; each function is part of its caller's
transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.rows import tuple_row

from assay.ledger.query import Connection, fetch_all

BALANCE = """
    SELECT batch_id, dataset, quarantined, open + replayed + patched + waived
    FROM ops.quarantine_balance WHERE batch_id = ANY(%s)
"""


@dataclass(frozen=True)
class Moved:
    """How many rows were to leave quarantine, and how many did, by the batch they came from."""

    asked: int
    by_batch: Mapping[str, int]


@dataclass(frozen=True)
class Balance:
    """What a batch has quarantined of a dataset, and what is found of it, open or moved."""

    batch_id: str
    dataset: str
    quarantined: int
    found: int


def clear_quarantine(connection: Connection, batch_id: str, rebuilt: Sequence[str]) -> None:
    """Remove what the batch has put there, and every row of the datasets that it builds anew."""
    connection.execute(
        "DELETE FROM ops.quarantine_row WHERE batch_id = %s OR dataset = ANY(%s)",
        [batch_id, [*rebuilt]],
    )


def quarantine_rows(
    connection: Connection, staged: sql.Identifier, batch_id: str, dataset: str, generation: int
) -> None:
    """Record the staged rows as what the batch has put into quarantine."""
    connection.execute(
        sql.SQL(
            "INSERT INTO ops.quarantine_row (row_id, dataset, batch_id, generation, slice_id,"
            " source_file, record_number, reasons, raw)"
            " SELECT slice_id || ':' || record_number, %s, %s, %s, slice_id, source_file,"
            " record_number, reasons, raw FROM {} ORDER BY 1"
        ).format(staged),
        [dataset, batch_id, generation],
    )


def reopen_replayed(connection: Connection, batch_id: str) -> None:
    """Rows that were replayed once and that this rebuild has quarantined again are open."""
    connection.execute(
        "WITH back AS (DELETE FROM ops.quarantine_movement AS moved"
        " USING ops.quarantine_row AS row WHERE moved.dataset = row.dataset"
        " AND moved.row_id = row.row_id AND moved.how = 'replayed' AND row.batch_id = %s"
        " RETURNING moved.*) INSERT INTO ops.undone_movement SELECT back.*, %s FROM back",
        [batch_id, batch_id],
    )


def forget_movements(connection: Connection, batch_id: str) -> None:
    """Remove the movements that the batch has recorded, so that it records them anew."""
    connection.execute("DELETE FROM ops.quarantine_movement WHERE to_batch = %s", [batch_id])


def move_rows(
    connection: Connection,
    staged: sql.Identifier,
    dataset: str,
    *,
    to_batch: str | None,
    how: str | None,
    who: str,
    why: str,
) -> Moved:
    """Record that the staged rows have left quarantine; one that has left before stays as it is.

    With an empty dataset, each staged row has its own. `to_batch` is None for a waiver.
    """
    whose = sql.Literal(dataset) if dataset else sql.SQL("staged.dataset")
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(staged))
        asked = (cursor.fetchone() or (0,))[0]
        cursor.execute(
            sql.SQL(
                "WITH moved AS (INSERT INTO ops.quarantine_movement"
                " (dataset, row_id, from_batch, to_batch, how, who, why)"
                " SELECT row.dataset, row.row_id, row.batch_id, %s, %s, %s, %s"
                " FROM {} AS staged JOIN ops.quarantine_row AS row"
                " ON row.row_id = staged.row_id AND row.dataset = {}"
                " ON CONFLICT DO NOTHING RETURNING from_batch)"
                " SELECT from_batch, count(*) FROM moved GROUP BY from_batch"
            ).format(staged, whose),
            [to_batch, how, who, why],
        )
        return Moved(asked, dict(cursor.fetchall()))


def balances(connection: Connection, batches: Sequence[str]) -> list[Balance]:
    """Of these batches by dataset, where they are of the newest generation.

    A rebuild has taken the rows of the others over.
    """
    return [Balance(*row) for row in fetch_all(connection, BALANCE, [[*batches]])]


def undo_movements(connection: Connection, batches: Sequence[str]) -> None:
    """Take back what these batches did: the rows that they took out are open again, those that they
    put there are gone, and what a rebuild among them had reopened is out again."""
    connection.execute(
        "DELETE FROM ops.quarantine_movement WHERE to_batch = ANY(%s) OR from_batch = ANY(%s)",
        [[*batches], [*batches]],
    )
    names = [
        name
        for (name,) in fetch_all(
            connection,
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'ops'"
            " AND table_name = 'quarantine_movement'",
            [],
        )
    ]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    connection.execute(
        sql.SQL(
            "WITH undone AS (DELETE FROM ops.undone_movement WHERE undone_by = ANY(%s) RETURNING *)"
            " INSERT INTO ops.quarantine_movement ({0}) SELECT {0} FROM undone"
            " WHERE to_batch <> ALL(%s) ON CONFLICT DO NOTHING"
        ).format(columns),
        [[*batches], [*batches]],
    )
    connection.execute("DELETE FROM ops.quarantine_row WHERE batch_id = ANY(%s)", [[*batches]])


def restore_rows(
    connection: Connection, staged: sql.Identifier, dataset: str, generation: int
) -> None:
    """Have exactly the staged rows in quarantine, those of batches of the generation."""
    counted = fetch_all(
        connection,
        "SELECT DISTINCT batch_id FROM ops.row_ledger WHERE dataset = %s AND generation = %s",
        [dataset, generation],
    )
    kept = [batch_id for (batch_id,) in counted]
    connection.execute(
        sql.SQL(
            "DELETE FROM ops.quarantine_row AS row WHERE dataset = %s AND NOT EXISTS"
            " (SELECT FROM {} AS stood WHERE stood.batch_id = row.batch_id AND"
            " stood.slice_id = row.slice_id AND stood.record_number = row.record_number"
            " AND stood.reasons = row.reasons AND stood.batch_id = ANY(%s))"
        ).format(staged),
        [dataset, kept],
    )
    connection.execute(
        sql.SQL(
            "INSERT INTO ops.quarantine_row (row_id, dataset, batch_id, generation, slice_id,"
            " source_file, record_number, reasons, raw)"
            " SELECT slice_id || ':' || record_number, %s, batch_id, %s, slice_id, source_file,"
            " record_number, reasons, raw FROM {} WHERE batch_id = ANY(%s)"
            " ON CONFLICT DO NOTHING"
        ).format(staged),
        [dataset, generation, kept],
    )

"""Quarantine in a rollback: rows and movements as the earlier release had them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from assay.ledger.query import fetch_all
from assay.ledger.rollbacks import Rollback
from assay.publish.staging import staging_of
from assay.publish.targets import Target

LEDGER = "SELECT DISTINCT batch_id FROM ops.row_ledger WHERE dataset = %s AND generation = %s"


def put_quarantine_back(
    connection: psycopg.Connection[Any],
    rollback: Rollback,
    staged: Mapping[str, Target],
    generation: int,
) -> None:
    """Undo the movements of the batches that go, then have the rows of the generation again."""
    _undo_movements(connection, rollback)
    connection.execute(
        "DELETE FROM ops.quarantine_row WHERE batch_id = ANY(%s)", [rollback.batches]
    )
    for dataset, target in staged.items():
        kept = [batch for (batch,) in fetch_all(connection, LEDGER, [dataset, generation])]
        source = staging_of(target)
        connection.execute(
            sql.SQL(
                "DELETE FROM ops.quarantine_row AS row WHERE dataset = %s AND NOT EXISTS"
                " (SELECT FROM {} AS stood WHERE stood.batch_id = row.batch_id AND"
                " stood.slice_id = row.slice_id AND stood.record_number = row.record_number"
                " AND stood.reasons = row.reasons AND stood.batch_id = ANY(%s))"
            ).format(source),
            [dataset, kept],
        )
        connection.execute(
            sql.SQL(
                "INSERT INTO ops.quarantine_row (row_id, dataset, batch_id, generation, slice_id,"
                " source_file, record_number, reasons, raw)"
                " SELECT slice_id || ':' || record_number, %s, batch_id, %s, slice_id, source_file,"
                " record_number, reasons, raw FROM {} WHERE batch_id = ANY(%s)"
                " ON CONFLICT DO NOTHING"
            ).format(source),
            [dataset, generation, kept],
        )


def _undo_movements(connection: psycopg.Connection[Any], rollback: Rollback) -> None:
    """Rows that these batches took out are open again; what a rebuild took back is out again."""
    connection.execute(
        "DELETE FROM ops.quarantine_movement WHERE to_batch = ANY(%s) OR from_batch = ANY(%s)",
        [rollback.batches, rollback.batches],
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
        [rollback.batches, rollback.batches],
    )

"""The books: all of `ops` that an audit needs, read by the reader role in one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
LIVE = ("COMMITTED", "PUBLISHED")
IN_LAKE = ("COMMITTING", *LIVE)
NO_RECORDS = ("bronze", "silver")  # sources of batches that bring no record of their own
QUERIES = {
    "batches": "SELECT * FROM ops.batch ORDER BY committed_at NULLS LAST, started_at, batch_id",
    "files": "SELECT * FROM ops.batch_file ORDER BY batch_id, source_file, file_id",
    "ledger": "SELECT * FROM ops.row_ledger ORDER BY batch_id, dataset, file_id",
    "releases": "SELECT * FROM ops.release ORDER BY release_id",
    "movements": "SELECT * FROM ops.quarantine_movement ORDER BY row_id",
    "leases": "SELECT pipeline, epoch FROM ops.pipeline_lease",
    "attempts": "SELECT batch_id, task_id, epoch, state, metrics -> 'versions' AS versions"
    " FROM ops.batch_task ORDER BY epoch",
    "verdicts": "SELECT batch_id, epoch, layer, table_name, expectation, severity, success,"
    " overridden FROM ops.validation_result ORDER BY batch_id, epoch",
}


@dataclass(frozen=True)
class Books:
    """The rows of `ops`; `snapshot` lets a second connection see exactly the same."""

    batches: dict[str, Row]
    files: list[Row]
    ledger: list[Row]
    releases: list[Row]
    movements: list[Row]
    leases: dict[str, int]
    attempts: list[Row]
    verdicts: list[Row]
    snapshot: str

    @property
    def current(self) -> dict[tuple[str, str], Row]:
        """By pipeline and table: the newest release that names it; one names what it changed."""
        return {
            (release["pipeline"], table): release
            for release in self.releases
            for table in release["versions"]
        }

    @property
    def released(self) -> set[str]:
        """Batches that readers have been given at least once."""
        return {release["batch_id"] for release in self.releases}

    def is_source(self, batch_id: str) -> bool:
        """Whether bronze has records of this batch that count."""
        return batch_id in self.released and self.batches[batch_id]["source"] not in NO_RECORDS


def read_books(connection: psycopg.Connection[Any]) -> Books:
    """Read everything inside the caller's transaction, which must be REPEATABLE READ."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = {name: cursor.execute(query).fetchall() for name, query in QUERIES.items()}
        snapshot = cursor.execute("SELECT pg_export_snapshot() AS id").fetchall()[0]["id"]
    return Books(
        batches={row["batch_id"]: row for row in rows["batches"]},
        files=rows["files"],
        ledger=rows["ledger"],
        releases=rows["releases"],
        movements=rows["movements"],
        leases={row["pipeline"]: row["epoch"] for row in rows["leases"]},
        attempts=rows["attempts"],
        verdicts=rows["verdicts"],
        snapshot=snapshot,
    )

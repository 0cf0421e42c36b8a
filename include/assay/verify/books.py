"""The books: all of `ops` that an audit needs, read by the reader role in one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
LIVE = ("COMMITTED", "PUBLISHED")
IN_LAKE = ("COMMITTING", *LIVE)
# Was in the lake, and was taken back: logs and releases tell of it, tables and ledger do not.
UNDONE = ("ROLLED_BACK",)
# Holds no file any more, so another batch may have accepted the same content.
GAVE_BACK = ("ABANDONED", "DRY_RUN", *UNDONE)
NO_RECORDS = ("bronze", "silver")  # sources of batches that bring no record of their own
RANGES = """
    SELECT receipt_id, dataset, receipt.topic, partition.key AS partition,
           (range.value ->> 0)::bigint AS first, (range.value ->> 1)::bigint AS until
    FROM ops.receipt AS receipt CROSS JOIN LATERAL jsonb_each(offsets) AS partition
    CROSS JOIN LATERAL jsonb_array_elements(partition.value) AS range
"""
BEHIND = f"""
    SELECT *, max(until) OVER (PARTITION BY dataset, topic, partition ORDER BY first, until
                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM ({RANGES}) AS ranges
"""  # constants of our own
# Ranges that touch or overlap are one island.
ISLANDS = f"""
    SELECT *, count(*) FILTER (WHERE before IS NULL OR first > before)
              OVER (PARTITION BY dataset, topic, partition ORDER BY first, until) AS island
    FROM ({BEHIND}) AS ranges
"""
QUERIES = {
    "batches": "SELECT * FROM ops.batch ORDER BY commit_epoch NULLS LAST, number",
    "files": "SELECT * FROM ops.batch_slice ORDER BY batch_id, source_file, slice_id",
    "ledger": "SELECT * FROM ops.row_ledger ORDER BY batch_id, dataset, slice_id",
    "releases": "SELECT * FROM ops.release ORDER BY release_id",
    "movements": "SELECT * FROM ops.quarantine_movement ORDER BY row_id",
    "leases": "SELECT pipeline, epoch FROM ops.pipeline_lease",
    "attempts": "SELECT batch_id, task_id, epoch, state, metrics -> 'versions' AS versions,"
    " metrics -> 'contracts' AS contracts FROM ops.batch_task ORDER BY epoch",
    "verdicts": "SELECT batch_id, epoch, layer, table_name, expectation, severity, success,"
    " overridden FROM ops.validation_result ORDER BY batch_id, epoch",
    "rollbacks": "SELECT rollback_id, pipeline FROM ops.rollback",
    "streams": "SELECT * FROM ops.stream",
    "slices": "SELECT * FROM ops.stream_slice ORDER BY recorded_at, slice_id",
    "refusals": "SELECT DISTINCT dataset, slice_id FROM ops.stream_refusal",
    "receipts": "SELECT dataset, slice_id, file_name, count(*) AS receipts,"
    " sum(records)::bigint AS records, min(first_record) AS first_record,"
    " max(last_record) AS last_record FROM ops.receipt WHERE topic IS NULL"
    " GROUP BY 1, 2, 3 ORDER BY 3",
    "posted": "SELECT dataset, topic, partition, min(first) AS first, max(until) AS until,"
    " sum(until - first)::bigint AS records"
    f" FROM ({ISLANDS}) AS ranges GROUP BY 1, 2, 3, island ORDER BY 1, 2, 3, 4",
    "miscounted": f"SELECT receipt_id, dataset, records, sum(until - first)::bigint AS offsets"
    f" FROM ops.receipt JOIN ({RANGES}) AS ranges USING (receipt_id, dataset)"
    " GROUP BY 1, 2, 3 HAVING sum(until - first) <> records ORDER BY 1",
    "adoptions": "SELECT table_name, max(version) AS version FROM ops.adoption GROUP BY 1",
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
    adopted: dict[str, int]
    rollbacks: dict[str, str]
    streams: dict[str, Row]
    slices: list[Row]
    refused: set[tuple[str, str]]  # contents that streams have refused, by dataset and slice_id
    receipts: list[Row]  # of each file of the gateway
    posted: list[Row]  # of each stretch of offsets that the gateway has receipts for
    miscounted: list[Row]  # receipts that have not as many offsets as records
    snapshot: str

    @cached_property
    def claims(self) -> dict[tuple[str, str], list[Row]]:
        """What batches have accepted of each content, live or not, by dataset and slice_id."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.files:
            if row["verdict"] == "accepted":
                found.setdefault((row["dataset"], row["slice_id"]), []).append(row)
        return found

    @cached_property
    def recorded(self) -> dict[tuple[str, str], Row]:
        """What streams have recorded, by dataset and slice_id."""
        return {(row["dataset"], row["slice_id"]): row for row in self.slices}

    @cached_property
    def current(self) -> dict[str, Row]:
        """The newest release that names a table, by table; a release names all that it commits.

        A release that was rolled back is past. A silver table is the pipeline's that names its
        quarantine too.
        """
        return {
            table: release
            for release in self.releases
            if release["rolled_back_by"] is None
            for table in release["versions"]
            if not table.startswith("silver.")
            or table.replace("silver.", "quarantine.") in release["versions"]
        }

    @cached_property
    def released(self) -> set[str]:
        """Batches that readers have been given, and that were not taken back since."""
        return {row["batch_id"] for row in self.releases} - self._undone

    @cached_property
    def _undone(self) -> set[str]:
        return {name for name, batch in self.batches.items() if batch["state"] in UNDONE}

    def is_source(self, batch_id: str) -> bool:
        """Whether bronze has records of this batch that count."""
        return batch_id in self.released and self.batches[batch_id]["source"] not in NO_RECORDS

    def pipeline_of(self, batch_id: str) -> str:
        """The pipeline of a batch or a rollback; empty when the books have neither."""
        batch = self.batches.get(batch_id)
        return str(batch["pipeline"]) if batch else self.rollbacks.get(batch_id, "")

    def is_adopted(self, table: str, version: int) -> bool:
        """Whether a commit of a batch that the books do not have was found by `lake adopt`."""
        return version <= self.adopted.get(table, -1)

    def contract_of(self, batch_id: str, table: str) -> str:
        """The version of a contract under which a batch was built; empty when nobody knows.

        For silver and gold, its last commit says it; else it is that of the batch's beginning.
        """
        told = self.batches[batch_id]["contract_versions"] or {}
        if not table.startswith("bronze."):
            told = self._contracts_of_commits.get(batch_id, told)
        return str(told.get(table, ""))

    @cached_property
    def _contracts_of_commits(self) -> dict[str, dict[str, str]]:
        """The contracts that the last commit of each batch names, by batch."""
        return {
            row["batch_id"]: row["contracts"]
            for row in self.attempts
            if row["task_id"] == "commit" and row["state"] == "SUCCESS" and row["contracts"]
        }


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
        adopted={row["table_name"]: row["version"] for row in rows["adoptions"]},
        rollbacks={row["rollback_id"]: row["pipeline"] for row in rows["rollbacks"]},
        streams={row["stream"]: row for row in rows["streams"]},
        slices=rows["slices"],
        refused={(row["dataset"], row["slice_id"]) for row in rows["refusals"]},
        receipts=rows["receipts"],
        posted=rows["posted"],
        miscounted=rows["miscounted"],
        snapshot=snapshot,
    )

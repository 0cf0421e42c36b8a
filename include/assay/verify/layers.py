"""The layers of one released dataset side by side in DuckDB: bronze, quarantine, silver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assay.contracts.load import load_contract
from assay.verify.evidence import Evidence, ReleasedTable
from assay.verify.text import deciding_columns, typed

LINEAGE = "batch_id, slice_id, source_file, record_number"
ROW_ID = "slice_id || ':' || record_number"


@dataclass
class Layers:
    """One dataset as released; bronze, which no release names, is read at its head.

    It only grows by rows of a batch's own, so what counts is picked by batch: bronze of batches
    that were released, quarantine of those in the ledger of the current generation.
    """

    evidence: Evidence
    table: ReleasedTable

    @property
    def dataset(self) -> str:
        return self.table.contract.name

    @property
    def silver(self) -> str:
        return self.evidence.load_released(self.table)

    @property
    def bronze(self) -> str:
        """Every text of the contract; null where the table has no such column yet."""
        table = f"bronze.{self.dataset}"
        there = self.evidence.columns_of(table)
        texts = [
            f'"{name}"' if name in there else f'NULL AS "{name}"'
            for name in load_contract("bronze", self.dataset).column_names
        ]
        malformed = "malformed_record IS NOT NULL AS is_malformed"
        columns = ", ".join([LINEAGE, *texts, malformed, "unknown_columns"])
        return self.evidence.load(table, None, columns)

    @property
    def quarantine(self) -> str:
        table = f"quarantine.{self.dataset}"
        columns = f"{LINEAGE}, reasons, raw, {ROW_ID} AS row_id"
        return self.evidence.load(table, self.table.release["versions"][table], columns)

    @property
    def movements(self) -> str:
        """Those of the dataset; none of another has a row of it."""
        return f"(SELECT * FROM movements WHERE dataset = '{self.dataset}')"

    @property
    def generation(self) -> set[str]:
        """Batches whose ledger makes up silver as it stands."""
        current = self.table.release["generation"]
        return {
            row["batch_id"]
            for row in self.evidence.books.ledger
            if row["dataset"] == self.dataset and row["generation"] == current
        }

    @property
    def sources(self) -> set[str]:
        """Batches whose bronze counts."""
        books = self.evidence.books
        return {batch_id for batch_id in books.batches if books.is_source(batch_id)}

    @property
    def typed(self) -> str:
        """Every record that counts, with its deciding values, and whether it is good.

        Not good is what quarantine holds and no replay took out, and what was waived or patched.
        """
        name = f"typed.{self.dataset}"
        evidence, silver = self.evidence, self.table.contract
        if name in evidence.made:
            return f'"{name}"'
        bronze = load_contract("bronze", self.dataset)
        values = [f'{typed(c, silver, bronze)} AS "{c.name}"' for c in deciding_columns(silver)]
        evidence.database.execute(f"""
            CREATE TABLE "{name}" AS
            WITH bad AS (
                SELECT row_id FROM {self.quarantine} AS held
                WHERE batch_id IN {listed(self.generation)} AND NOT EXISTS (
                    SELECT 1 FROM {self.movements} AS moved WHERE moved.row_id = held.row_id
                    AND from_batch = held.batch_id AND how = 'replayed')
                UNION SELECT row_id FROM {self.movements} WHERE how <> 'replayed'
            )
            SELECT slice_id, source_file, record_number, {", ".join(values)},
                   {ROW_ID} NOT IN (SELECT row_id FROM bad) AS is_good
            FROM {self.bronze} WHERE batch_id IN {listed(self.sources)}
        """)
        evidence.made.add(name)
        return f'"{name}"'

    def count_bronze(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Rows by batch and file, and how many of the numbers 1 to n these rows have."""
        rows = self.evidence.ask(f"""
            SELECT batch_id, slice_id, count(*),
                   CASE WHEN min(record_number) = 1 AND max(record_number) = count(*)
                        THEN count(DISTINCT record_number) ELSE 0 END
            FROM {self.bronze} GROUP BY ALL
        """)
        return {(batch, file): (count, numbers) for batch, file, count, numbers in rows}

    def count_quarantine(self) -> dict[tuple[str, str], int]:
        """Quarantined rows by released batch and file, whatever became of them since."""
        rows = self.evidence.ask(f"""
            SELECT batch_id, slice_id, count(*) FROM {self.quarantine}
            WHERE batch_id IN {listed(self.evidence.books.released)} GROUP BY ALL
        """)
        return {(batch, file): count for batch, file, count in rows}

    def movements_of_nothing(self) -> list[tuple[str, str]]:
        """Movements out of a batch of this dataset for a row that it never quarantined."""
        return self.evidence.ask(f"""
            SELECT row_id, from_batch FROM {self.movements}
            WHERE (row_id, from_batch) NOT IN (SELECT (row_id, batch_id) FROM {self.quarantine})
        """)

    def moved(self) -> int:
        """Rows of this dataset's quarantine that have a movement."""
        return int(
            self.evidence.ask_one(f"""
            SELECT count(*) FROM {self.quarantine} AS held
            JOIN {self.movements} AS moved
            ON moved.row_id = held.row_id AND from_batch = held.batch_id
        """)
        )


def listed(values: Iterable[str]) -> str:
    """Values as a list of SQL; one that nothing equals when there are none."""
    return "(" + ", ".join("'" + v.replace("'", "''") + "'" for v in [*sorted(values), "\0"]) + ")"

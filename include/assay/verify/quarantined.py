"""Quarantine in Postgres against quarantine in the lake, and the movements out of it."""

from __future__ import annotations

from collections import Counter

from assay.contracts.columns import Column
from assay.verify.content import compare_rows
from assay.verify.evidence import Evidence
from assay.verify.layers import Layers, listed
from assay.verify.report import Check

SHOWN = 5
ROWS = [
    Column("dataset"),
    Column("row_id"),
    Column("batch_id"),
    Column("slice_id"),
    Column("source_file"),
    Column("record_number", "bigint"),
    Column("reasons", "VARCHAR[]"),
    Column("raw"),
]


def check_quarantine(evidence: Evidence, check: Check, layers: Layers) -> None:
    """`ops.quarantine_row` = the rows in the lake of every batch of the newest generation.

    Row by row, with reasons and text.
    """
    shown = f"(SELECT * FROM {_shown(evidence)} WHERE dataset = '{layers.dataset}')"
    compare_rows(
        evidence,
        check,
        f"ops.quarantine_row of {layers.dataset} = quarantine.{layers.dataset}",
        expected=f"""(
            SELECT '{layers.dataset}' AS dataset, *
            FROM {layers.quarantine} WHERE batch_id IN {listed(layers.generation)}
        )""",
        found=shown,
        columns=", ".join(f'"{column.name}"' for column in ROWS),
        keys=["row_id"],
    )
    check.saw("rows of ops.quarantine_row", evidence.ask_one(f"SELECT count(*) FROM {shown}"))
    # A replayed row is gone from it when a rebuild has found it good.
    lost = f"""
        SELECT row_id FROM {layers.movements} AS moved
        WHERE (how <> 'replayed' OR from_batch IN {listed(layers.generation)})
        AND row_id NOT IN (SELECT row_id FROM {shown} AS shown)
    """
    _report(evidence, check, lost, "movements of rows that ops.quarantine_row has not")


def _shown(evidence: Evidence) -> str:
    return evidence.load_postgres("ops.quarantine_row", ROWS)


def check_movements(evidence: Evidence, check: Check, layers: Layers) -> None:
    """quarantined = open + replayed + patched + waived: a movement takes out a row that is in."""
    for row_id, batch_id in layers.movements_of_nothing():
        if evidence.in_scope(batch_id):
            check.broken(
                f"row {row_id} that has left quarantine", "was in it", "never was", batch=batch_id
            )
    check.saw("quarantined rows", sum(layers.count_quarantine().values()))
    check.saw("of them moved on", layers.moved())


def check_replay(
    evidence: Evidence, check: Check, dataset: str, batch_id: str, files: Counter[str]
) -> None:
    """Records of a replay = its movements, file by file.

    But for those that a rebuild since has found bad again: such a row is open again, without its
    movement. It is in the rebuild's own quarantine.
    """
    books = evidence.books
    moved = dict(
        evidence.ask(f"""
            SELECT split_part(row_id, ':', 1), count(*) FROM movements
            WHERE dataset = '{dataset}' AND to_batch IN {listed([batch_id])} GROUP BY 1
        """)
    )
    own = next(
        row["generation"]
        for row in books.ledger
        if (row["batch_id"], row["dataset"]) == (batch_id, dataset)
    )
    back = Counter[str]()
    for row in books.ledger:
        is_rebuild = books.batches[row["batch_id"]]["source"] == "bronze"
        if row["dataset"] == dataset and is_rebuild and row["generation"] > own:
            back[row["slice_id"]] += row["quarantined"]
    for slice_id, records in files.items():
        found = moved.get(slice_id, 0)
        check.saw("records taken out of quarantine", records)
        if not records - back[slice_id] <= found <= records:
            check.broken("records = movements", records, found, batch=batch_id, file=slice_id)


def _report(evidence: Evidence, check: Check, query: str, what: str) -> None:
    found = evidence.ask_one(f"SELECT count(*) FROM ({query})")
    if found:
        names = "; ".join(str(row[0]) for row in evidence.ask(f"{query} LIMIT {SHOWN}"))
        check.broken(what, 0, f"{found:,}: {names}")

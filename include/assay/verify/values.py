"""Every value of silver is what the contract makes of the text in bronze."""

from __future__ import annotations

from assay.contracts.columns import Column
from assay.contracts.load import load_contract
from assay.verify.evidence import Evidence, exact
from assay.verify.layers import Layers, listed
from assay.verify.report import Check
from assay.verify.text import deciding_columns, typed
from assay.words import count


def check_values(evidence: Evidence, check: Check, layers: Layers) -> None:
    """All columns of rows that were built under today's contract; of others those that decide."""
    contract = layers.table.contract
    today = listed(built_today(layers))
    _compare_values(evidence, check, layers, [*contract.columns], f"batch_id IN {today}")
    decide = deciding_columns(contract)
    _compare_values(evidence, check, layers, decide, f"batch_id NOT IN {today}")


def _compare_values(
    evidence: Evidence, check: Check, layers: Layers, columns: list[Column], where: str
) -> None:
    """Compare the hashes of rows first; only rows that differ are compared by column."""
    silver, bronze = layers.table.contract, load_contract("bronze", layers.dataset)
    names = [comparable(column) for column in columns]
    stored = f"""
        SELECT batch_id, source_file, slice_id, record_number, {exact(columns)}
        FROM {layers.silver} WHERE {where}
    """
    values = [f'{typed(c, silver, bronze)} AS "{c.name}"' for c in columns]
    # Bronze has columns of the same names, and its texts are not to be taken for these values.
    read = f"""
        SELECT slice_id, record_number, {", ".join(values)}
        FROM {layers.bronze} WHERE batch_id IN {listed(layers.sources)}
    """
    spelt = [
        f"CASE WHEN {comparable(c, 's.')} IS DISTINCT FROM {comparable(c, 't.')}"
        f" THEN '{c.name}' END"
        for c in columns
    ]
    evidence.database.execute(f"""
        CREATE OR REPLACE TEMP TABLE differing AS
        SELECT s.slice_id, s.record_number
        FROM (SELECT slice_id, record_number, hash({", ".join(names)}) AS h FROM ({stored})) AS s
        JOIN (SELECT slice_id, record_number, hash({", ".join(names)}) AS h FROM ({read})) AS t
        USING (slice_id, record_number) WHERE s.h <> t.h
    """)
    found = evidence.ask(f"""
        SELECT batch_id, source_file, count(*), min(record_number),
               list_sort(list_distinct(flatten(list([{", ".join(spelt)}]))))
        FROM ({stored}) AS s JOIN ({read}) AS t USING (slice_id, record_number)
        SEMI JOIN differing USING (slice_id, record_number) GROUP BY ALL ORDER BY ALL
    """)
    check.saw("values of silver", evidence.ask_one(f"SELECT count(*) FROM ({stored})") * len(names))
    for batch, file, rows, record, wrong in found:
        told = f"{count(rows, 'row')} not equal, one from record {record}"
        what = f"{', '.join(filter(None, wrong))} of {silver.table} = bronze"
        check.broken(what, "equal", told, batch=batch, file=file)


def comparable(column: Column, side: str = "") -> str:
    """A value as it is compared: two engines do not agree on the case of every letter."""
    name = f'{side}"{column.name}"'
    if column.standardise not in ("upper", "lower") or column.allowed:
        return name
    return f"replace(lower({name}), 'ß', 'ss')"


def built_today(layers: Layers) -> set[str]:
    """Batches whose rows silver was built from under the contract as it is today."""
    books, contract = layers.evidence.books, layers.table.contract
    found: set[str] = set()
    for batch_id, batch in books.batches.items():  # in the order of the commits
        if batch_id in layers.generation and layers.evidence.is_under_contract(contract, batch_id):
            found |= {*books.released} if batch["source"] == "bronze" else {batch_id}
    return found

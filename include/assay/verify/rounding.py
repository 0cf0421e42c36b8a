"""Values that are rounded because their column says so: recomputed with Python's decimals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException

import duckdb
from duckdb.func import FunctionNullHandling
from duckdb.sqltypes import BOOLEAN, INTEGER, VARCHAR

from assay.verify.evidence import Evidence
from assay.verify.layers import ROW_ID, Layers, listed
from assay.verify.report import Check
from assay.verify.text import plain_text

MOST_DIGITS = 2_000  # those of a float with an exponent of three digits, and of any longer text
EXACT = Context(prec=MOST_DIGITS, rounding=ROUND_HALF_EVEN)
Values = dict[tuple[str, str], int]


def add_rounding(database: duckdb.DuckDBPyConnection) -> None:
    """Give SQL the functions `round_half_even(text, scale)` and `is_rounded(text, scale)`.

    Both are null for a text that is no number.
    """
    for function, returned in ((round_half_even, VARCHAR), (is_rounded, BOOLEAN)):
        database.create_function(
            function.__name__,
            function,
            [VARCHAR, INTEGER],
            returned,
            null_handling=FunctionNullHandling.SPECIAL,
        )


def round_half_even(text: str | None, scale: int) -> str | None:
    """The number as text, with the decimals of a column."""
    value = _rounded(text, scale)
    return None if value is None else f"{value:f}"


def is_rounded(text: str | None, scale: int) -> bool | None:
    """Whether the rounded number is another one than the text says."""
    value = _rounded(text, scale)
    return None if value is None or text is None else value != Decimal(text)


def _rounded(text: str | None, scale: int) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text).quantize(Decimal((0, (1,), -scale)), context=EXACT)
    except DecimalException:
        return None


def check_rounded(evidence: Evidence, check: Check, layers: Layers) -> None:
    """Rounded values in `ops.row_ledger` = those of the file's records that were not quarantined.

    Of batches that were built under the contract as it is today.
    """
    contract = layers.table.contract
    if not contract.rounded:
        return
    _find_inexact(evidence, layers)
    told = [
        row
        for row in evidence.books.ledger
        if row["dataset"] == layers.dataset
        and evidence.in_scope(row["batch_id"])
        and evidence.is_under_contract(contract, row["batch_id"])
    ]
    found = Counter[tuple[str, str]]()
    for values in _counted(layers, {row["batch_id"] for row in told}):
        found.update(values)
    moved = Counter(
        (move["to_batch"], move["row_id"].partition(":")[0]) for move in evidence.books.movements
    )
    for row in told:
        batch, file = row["batch_id"], row["slice_id"]
        is_replay = evidence.books.batches[batch]["source"] == "quarantine"
        if is_replay and moved[batch, file] != row["records"]:
            continue  # a rebuild since has found some of them bad again, see `check_replay`
        what = f"rounded values of {contract.table} = ops.row_ledger"
        check.equal(what, found[batch, file], row["rounded"], batch=batch, file=file)
        check.saw("rounded values", row["rounded"])


def _find_inexact(evidence: Evidence, layers: Layers) -> None:
    """The records of bronze with values that are rounded, and how many there are of them."""
    silver = layers.table.contract
    each = [
        f"coalesce(is_rounded({plain_text(c, silver)}, {c.scale}), false)::INTEGER"
        for c in silver.rounded
    ]
    evidence.database.execute(f"""
        CREATE OR REPLACE TEMP TABLE inexact AS
        SELECT batch_id, slice_id, record_number, {ROW_ID} AS row_id, {" + ".join(each)} AS found
        FROM {layers.bronze}
        WHERE NOT is_malformed AND found > 0 AND batch_id IN {listed(layers.sources)}
    """)


def _counted(layers: Layers, batches: set[str]) -> Iterator[Values]:
    """Rounded values by batch and file: of files, of replays, and of each rebuild."""
    ask, quarantine = layers.evidence.ask, layers.quarantine
    queries = [
        f"""
        SELECT batch_id, slice_id, sum(found) FROM inexact
        ANTI JOIN {quarantine} USING (batch_id, slice_id, record_number) GROUP BY ALL
        """,
        f"""
        SELECT to_batch, slice_id, sum(found) FROM inexact
        JOIN {layers.movements} USING (row_id) WHERE how = 'replayed' GROUP BY ALL
        """,
    ]
    sources = {name: layers.evidence.books.batches[name]["source"] for name in batches}
    queries += [
        f"""
        SELECT '{name}', slice_id, sum(found) FROM inexact ANTI JOIN (
            SELECT slice_id, record_number FROM {quarantine} WHERE batch_id IN {listed([name])}
        ) USING (slice_id, record_number) GROUP BY ALL
        """
        for name, source in sources.items()
        if source == "bronze"
    ]
    for query in queries:
        yield {(batch, file): values for batch, file, values in ask(query)}

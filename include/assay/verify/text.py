"""Delivered text as the typed value that a silver contract makes of it, as SQL of DuckDB.

An auditor's own reading of the contract, only right for records that are good.
"""

from __future__ import annotations

from assay.contract import Column, Contract
from assay.verify.evidence import duck_type

VALUE_SEPARATOR, NULL_MARK = "chr(31)", "chr(30)"
OFFSET_WITHOUT_COLON = r"'([+-]\d{2})(\d{2})$', '\1:\2'"


def deciding_columns(silver: Contract) -> list[Column]:
    """The columns that decide which version of a key is silver's, and its money."""
    names = [*silver.keys, silver.event_time, silver.sequence, *silver.money]
    return [column for column in silver.columns if column.name in names]


def typed(column: Column, silver: Contract, bronze: Contract) -> str:
    """The column's value from the columns of bronze."""
    source = column.source or column.name
    if source not in bronze.column_names:
        return "NULL"
    value = _cast(_standardise(f'"{source}"', column), column)
    if not column.hash_of:
        return value
    hashed = [other for other in silver.columns if other.name in column.hash_of]
    parts = [canonical(typed(other, silver, bronze), other) for other in hashed]
    return f"coalesce({value}, 'h' || {digest(parts)})"


def _standardise(text: str, column: Column) -> str:
    if column.standardise == "as_delivered":
        return text
    trimmed = f"nullif(trim({text}, ' '), '')"
    cased = (
        f"{column.standardise}({trimmed})" if column.standardise in ("upper", "lower") else trimmed
    )
    for spellings, otherwise in ((column.synonyms, True), (column.categories, False)):
        if spellings:
            cases = " ".join(f"WHEN {_quote(k)} THEN {_quote(v)}" for k, v in spellings.items())
            cased = f"CASE {cased} {cases} {f'ELSE {cased} ' if otherwise else ''}END"
    return cased


def _cast(text: str, column: Column) -> str:
    if column.type == "string":
        return text
    if column.type == "timestamp":
        text = f"regexp_replace({text}, {OFFSET_WITHOUT_COLON})"
    if column.type == "date":
        text = f"left({text}, {len('2026-01-31')})"
    return f"TRY_CAST({text} AS {duck_type(column)})"


def canonical(value: str, column: Column) -> str:
    """A value as the row hash spells it."""
    spelt = f"epoch_us({value})" if column.type == "timestamp" else value
    return f"coalesce(CAST({spelt} AS VARCHAR), {NULL_MARK})"


def digest(parts: list[str]) -> str:
    """SHA-256 of canonical values."""
    return f"sha256(concat_ws({VALUE_SEPARATOR}, {', '.join(parts)}))"


def row_hash(silver: Contract) -> str:
    """What the column `row_hash` must hold, computed from the row as it stands."""
    return digest([canonical(f'"{column.name}"', column) for column in silver.columns])


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

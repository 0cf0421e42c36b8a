"""Delivered text as the typed value that a silver contract makes of it, as SQL of DuckDB.

An auditor's own reading of the contract, only right for records that are good.
"""

from __future__ import annotations

from assay.contract import Column, Contract
from assay.verify.evidence import duck_type

VALUE_SEPARATOR, NULL_MARK, ESCAPE = "chr(31)", "chr(30)", "chr(29)"
OFFSET_WITHOUT_COLON = r"'([+-]\d{2})(\d{2})$', '\1:\2'"
UTC_BY_NAME, BLANK_BEFORE_OFFSET = r"' ?(UTC|Z)$', 'Z'", r"' ([+-][0-9:]+)$', '\1'"
# White_Space of Unicode, then characters without width, by their code points.
BLANK_POINTS = (
    *range(0x09, 0x0E),
    *(0x20, 0x85, 0xA0, 0x1680),
    *range(0x2000, 0x200B),
    *(0x2028, 0x2029, 0x202F, 0x205F, 0x3000),
    *(0x180E, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF),
)
BLANKS = " || ".join(f"chr({point})" for point in BLANK_POINTS)


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
    trimmed = f"nullif(trim({text}, {BLANKS}), '')"
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
        text = f"upper({text})"
        for spelling in (UTC_BY_NAME, BLANK_BEFORE_OFFSET, OFFSET_WITHOUT_COLON):
            text = f"regexp_replace({text}, {spelling})"
    if column.type == "date":
        text = f"left({text}, {len('2026-01-31')})"
    return f"TRY_CAST({text} AS {duck_type(column)})"


def canonical(value: str, column: Column) -> str:
    """A value as the row hash spells it; a text with a separator in it begins with U+001E."""
    spelt = f"epoch_us({value})" if column.type == "timestamp" else value
    if column.type == "string" and not (column.allowed or column.categories):
        escaped = f"replace({value}, {ESCAPE}, {ESCAPE} || 'A')"
        escaped = f"{NULL_MARK} || replace({escaped}, {VALUE_SEPARATOR}, {ESCAPE} || 'C')"
        holds = " OR ".join(f"contains({value}, {m})" for m in (VALUE_SEPARATOR, NULL_MARK))
        spelt = f"CASE WHEN {holds} THEN {escaped} ELSE {value} END"
    return f"coalesce(CAST({spelt} AS VARCHAR), {NULL_MARK})"


def digest(parts: list[str]) -> str:
    """SHA-256 of canonical values."""
    return f"sha256(concat_ws({VALUE_SEPARATOR}, {', '.join(parts)}))"


def content_hash(silver: Contract, bronze: Contract) -> str:
    """The row hash that a record of bronze would have, by its texts."""
    return digest([canonical(typed(column, silver, bronze), column) for column in silver.columns])


def row_hash(silver: Contract) -> str:
    """What the column `row_hash` must hold, computed from the row as it stands."""
    return digest([canonical(f'"{column.name}"', column) for column in silver.columns])


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

"""Delivered text as the typed value that a silver contract makes of it, as SQL of DuckDB.

An auditor's own reading of the contract, only right for records that are good.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from assay.contracts.columns import Column
from assay.contracts.date_formats import ISO
from assay.contracts.dialect import TextForms
from assay.contracts.model import Contract
from assay.verify.evidence import duck_type

VALUE_SEPARATOR, NULL_MARK, ESCAPE = "chr(31)", "chr(30)", "chr(29)"
OFFSET_WITHOUT_COLON = r"'([+-]\d{2})(\d{2})$', '\1:\2'"
UTC_BY_NAME, BLANK_BEFORE_OFFSET = r"' ?(UTC|Z)$', 'Z'", r"' ([+-][0-9:]+)$', '\1'"
STRPTIME = {"y": "%Y", "M": "%m", "d": "%d", "H": "%H", "m": "%M", "s": "%S"}
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
    names = [*silver.keys, silver.event_time, *silver.money]
    return [column for column in silver.columns if column.name in names]


def typed(column: Column, silver: Contract, bronze: Contract) -> str:
    """The column's value from the columns of bronze."""
    source = column.source or column.name
    if source not in bronze.column_names:
        return "NULL"
    text = _standardise(f'"{source}"', column, silver.forms)
    value = _cast(text, column, silver.forms)
    if not column.hash_of:
        return value
    hashed = [other for other in silver.columns if other.name in column.hash_of]
    parts = [canonical(typed(other, silver, bronze), other) for other in hashed]
    return f"coalesce({value}, 'h' || {digest(parts)})"


def _standardise(text: str, column: Column, forms: TextForms) -> str:
    is_trimmed = column.standardise != "as_delivered"
    found = f"nullif(trim({text}, {BLANKS}), '')" if is_trimmed else text
    for null in forms.null_values:
        found = f"nullif({found}, {_quote(null)})"
    if not is_trimmed:
        return found
    cased = f"{column.standardise}({found})" if column.standardise in ("upper", "lower") else found
    for spellings, otherwise in ((column.synonyms, True), (column.categories, False)):
        if spellings:
            cases = " ".join(f"WHEN {_quote(k)} THEN {_quote(v)}" for k, v in spellings.items())
            cased = f"CASE {cased} {cases} {f'ELSE {cased} ' if otherwise else ''}END"
    return cased


def plain_text(column: Column, silver: Contract) -> str:
    """The text of a number as the type of its column is asked of it; its source is in bronze."""
    text = _standardise(f'"{column.source or column.name}"', column, silver.forms)
    return _without_marks(text, silver.forms)


def _without_marks(text: str, forms: TextForms) -> str:
    """A number with a point, and nothing between its thousands."""
    for mark, plain in ((forms.thousands, ""), (forms.decimal, ".")):
        if mark not in ("", plain):
            text = f"replace({text}, {_quote(mark)}, {_quote(plain)})"
    return text


def _cast(text: str, column: Column, forms: TextForms) -> str:
    if column.type == "string":
        return text
    if column.type in ("date", "timestamp"):
        return _moment(text, column, forms)
    if column.type == "boolean" and forms.true_values:
        true, false = (_listed(texts) for texts in (forms.true_values, forms.false_values))
        return f"CASE WHEN {text} IN {true} THEN true WHEN {text} IN {false} THEN false END"
    if column.type != "boolean":
        text = _without_marks(text, forms)
    if column.round:
        text = f"round_half_even({text}, {column.scale})"  # see `verify.rounding`
    return f"TRY_CAST({text} AS {duck_type(column)})"


def _moment(text: str, column: Column, forms: TextForms) -> str:
    """A date or a time: in a format of the feed, or as ISO 8601 has it."""
    iso = f"left({text}, {len('2026-01-31')})"
    if column.type == "timestamp":
        iso = f"upper({text})"
        for spelling in (UTC_BY_NAME, BLANK_BEFORE_OFFSET, OFFSET_WITHOUT_COLON):
            iso = f"regexp_replace({iso}, {spelling})"
    kind = duck_type(column)
    formats = [_quote(_strptime(form)) for form in forms.date_formats if form != ISO]
    read = [f"CAST(try_strptime({text}, {form}) AS {kind})" for form in formats]
    if ISO in forms.date_formats:
        read.append(f"TRY_CAST({iso} AS {kind})")
    return f"coalesce({', '.join(read)})" if len(read) > 1 else read[0]


def _strptime(form: str) -> str:
    return re.sub("yyyy|MM?|dd?|HH?|mm|ss", lambda part: STRPTIME[part[0][0]], form)


def _listed(texts: Iterable[str]) -> str:
    return f"({', '.join(map(_quote, texts))})"


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

"""Spellings of one value: what a file says and what bronze, which has texts only, makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from assay.contracts.model import Contract

CRLF, LF = "chr(13) || chr(10)", "chr(10)"
NO_NUMBERS = (
    "WHEN 'nan' THEN 'NaN'",
    "WHEN 'inf' THEN 'Infinity'",
    "WHEN '-inf' THEN '-Infinity'",
)


def text_of(name: str, kind: pa.DataType) -> str:
    """A column as bronze spells it, as SQL of DuckDB; nothing and an empty text are one.

    So are the two ends of a line: in quotes they become those of the others of the file.
    """
    value = f'"{name}"'
    if pa.types.is_floating(kind):
        plain = f"TRY_CAST({value}::VARCHAR AS DECIMAL(38, 18))"
        same = f"{plain}::{'FLOAT' if pa.types.is_float32(kind) else 'DOUBLE'} = {value}"
        exact = f"CASE WHEN {same} THEN {plain}::VARCHAR END"  # else some digits would be lost
        no_number = f"CASE {value}::VARCHAR {' '.join(NO_NUMBERS)} ELSE {value}::VARCHAR END"
        value = f"coalesce({exact}, {no_number})"
    elif pa.types.is_timestamp(kind) and kind.tz:
        value = f"CAST({value} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
    return f"coalesce(replace(CAST({value} AS VARCHAR), {CRLF}, {LF}), '')"


def plain_number(number: str) -> str:
    """A number without exponent and without zeros at its end; with one, as it was delivered."""
    if "e" in number or "E" in number:
        return number
    return number.rstrip("0").rstrip(".")


def same_value(one: str | None, other: str | None) -> bool:
    """Whether two texts of a typed value say the same: of a number, of an object, of a list."""
    if (one or None) == (other or None):
        return True
    if one is None or other is None:
        return False
    left, right = _value(one), _value(other)
    return left is not None and left == right


def _value(text: str) -> Any:
    """Only what JSON would spell so: 007 is a text."""
    try:
        value = json.loads(text, parse_float=Number, parse_int=Number)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, Number):
        return Decimal(value)
    return _with_numbers_as_texts(value) if isinstance(value, dict | list) else None


class Number(str):
    """A number of JSON, as it is spelt."""


def _with_numbers_as_texts(value: Any) -> Any:
    """As the reader above has them, whose numbers inside objects and lists have become texts."""
    if isinstance(value, dict):
        return {key: _with_numbers_as_texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_numbers_as_texts(inner) for inner in value]
    return plain_number(value) if isinstance(value, Number) and "." in value else value


def batch_of(contract: Contract, columns: Iterable[Sequence[str | None]]) -> pa.RecordBatch:
    """Columns of the contract, in its order, as texts."""
    arrays = [_array(column) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, names=contract.column_names)


def _array(texts: Sequence[str | None]) -> pa.Array:
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
        whole = [t and t.encode("utf-8", "replace").decode() for t in texts]
        return pa.array(whole, pa.string())

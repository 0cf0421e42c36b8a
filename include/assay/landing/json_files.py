"""Inspection of a delivered JSON file: one record a line, or one array of all records.

Only the structure that two readers must agree on is checked here; a line that is no JSON object
is still a record, and goes to quarantine.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.contract import Contract
from assay.errors import FileRejectedError
from assay.landing.survey import open_content, survey_bytes

BLANKS = b" \t\r\n"
LARGEST_ARRAY = 64 << 20
MOST_FIELDS = 1_000
# Numbers that a reader rounds: more digits than a decimal holds or, with an exponent, a double.
INEXACT = r"[:\[,]\s*-?(?:[0-9.]{39,}|[0-9.]{18,}[eE]|[0-9.]+[eE][+-]?[0-9]{3})"


def inspect_json(path: Path, contract: Contract, size: int) -> tuple[str, int, list[str]]:
    """Format, number of records, and the fields of all records; nested ones as `outer.inner`."""
    with open_content(path) as content:
        survey_bytes(content, stored=size, kind="json")
    if _begins_array(path):
        records = _read_array(path)
        return "json_array", len(records), _fields(records)
    lines = 0
    fields: dict[str, None] = {}
    for line in _lines(path):
        lines += 1
        _add_fields(fields, _parse(line))
    if lines and not fields:
        raise FileRejectedError(f"not JSON: none of its {lines:,} lines is a JSON object")
    if not lines:
        raise FileRejectedError("no record: the file has only blank lines")
    return "json", lines, [*fields]


def _begins_array(path: Path) -> bool:
    return next(_lines(path), b"").startswith(b"[")


def _lines(path: Path) -> Iterator[bytes]:
    """Lines that are not blank, without the blanks around them and without a byte-order mark."""
    with open_content(path) as content:
        for number, line in enumerate(content):
            text = (line if number else line.removeprefix(codecs.BOM_UTF8)).strip(BLANKS)
            if text:
                yield text


def _read_array(path: Path) -> list[Any]:
    with open_content(path) as content:
        text = content.read(LARGEST_ARRAY + 1).removeprefix(codecs.BOM_UTF8)
    if len(text) > LARGEST_ARRAY:
        raise FileRejectedError(
            f"JSON array of more than {LARGEST_ARRAY >> 20} MB; deliver one record a line"
        )
    try:
        records: list[Any] = json.loads(
            text, object_pairs_hook=_refuse_repeats, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise FileRejectedError(f"begins as a JSON array but is none: {error}") from error
    if re.search(INEXACT, text.decode()):
        raise FileRejectedError("JSON array with a number of too many digits; deliver it as text")
    if not records:
        raise FileRejectedError("no record: the JSON array is empty")
    return records


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError(f"a field is given twice in {json.dumps(record)[:80]}")
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _fields(records: list[Any]) -> list[str]:
    fields: dict[str, None] = {}
    for record in records:
        _add_fields(fields, record)
    return [*fields]


def _add_fields(fields: dict[str, None], record: Any) -> None:
    if not isinstance(record, dict):
        return
    for name, value in record.items():
        inner = value if isinstance(value, dict) else {}
        fields |= dict.fromkeys([f"{name}.{key}" for key in inner] or [name])
    if len(fields) > MOST_FIELDS:
        raise FileRejectedError(f"more than {MOST_FIELDS:,} different fields")

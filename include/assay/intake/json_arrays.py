"""One JSON array of all records: its structure must be sound, or the file is rejected.

An array is read here as strictly as Spark's parser reads it, one record at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from assay.contracts.model import Contract
from assay.errors import FileRejectedError
from assay.intake.limits import refuse_above

# Numbers that a reader rounds: more digits than a decimal holds or, with an exponent, a double.
INEXACT = r"-?(?:[0-9.]{39,}|[0-9.]{18,}[eE]|[0-9.]+[eE][+-]?[0-9]{3})"
BLANK = re.compile(r"[ \t\r\n]*")
ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# Spark keeps all names of an array with each record, and its parser has limits of its own.
MOST_NAMES, LONGEST_NAME, LONGEST_RECORD = 1_000, 1_000, 20_000_000
BY_LINES = "deliver one record a line"


def read_array(text: str, contract: Contract, see: Callable[[Any], None]) -> int:
    """Number of records of an array; `see` is shown each of them.

    Raises FileRejectedError for an array that Spark could not read, or not exactly.
    """
    values = sum(map(text.count, ",[{"))
    refuse_above(contract, "json_values", values, "values in a JSON array", BY_LINES)
    has_surrogates = ESCAPED_SURROGATE.search(text) is not None
    records = 0
    try:
        for begin, end, record in _elements(text):
            records += 1
            if end - begin > LONGEST_RECORD:
                what = f"more than {LONGEST_RECORD:,} characters"
                raise FileRejectedError(f"record {records} of the JSON array has {what}")
            most = contract.limits.nesting
            if text.count("[", begin, end) + text.count("{", begin, end) > most:
                refuse_above(contract, "nesting", _depth(record), "levels of nesting", BY_LINES)
            if has_surrogates:
                _refuse_lone_surrogates(record, records)
            see(record)
    except RecursionError as error:
        raise FileRejectedError(f"JSON array nested too deep; {BY_LINES}") from error
    except ValueError as error:
        raise FileRejectedError(f"begins as a JSON array but is none: {error}") from error
    return records


def _elements(text: str) -> Iterator[tuple[int, int, Any]]:
    """Where each element begins and ends, and its value; raises ValueError, with the place."""
    decoder = _decoder()
    at = _skip(text, _skip(text, 0) + 1)
    is_open = not text.startswith("]", at)
    while is_open:
        value, end = decoder.raw_decode(text, at)
        yield at, end, value
        at = _skip(text, end)
        is_open = not text.startswith("]", at)
        if is_open:
            if not text.startswith(",", at):
                raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
            at = _skip(text, at + 1)
    at = _skip(text, at + 1)
    if at < len(text):
        raise json.JSONDecodeError("Extra data", text, at)


def _skip(text: str, at: int) -> int:
    found = BLANK.match(text, at)
    return found.end() if found else at


def _decoder() -> json.JSONDecoder:
    names: set[str] = set()

    def see_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            raise ValueError(f"a field is given twice in {json.dumps(record)[:80]}")
        if not names.issuperset(record):
            names.update(record)
            if len(names) > MOST_NAMES or max(map(len, record)) > LONGEST_NAME:
                raise FileRejectedError(
                    f"JSON array with more than {MOST_NAMES:,} field names, or one of more than"
                    f" {LONGEST_NAME:,} characters; {BY_LINES}"
                )
        return record

    return json.JSONDecoder(
        object_pairs_hook=see_object,
        parse_constant=_refuse_constant,
        parse_float=lambda number: float(_exact(number)),
        parse_int=lambda number: int(_exact(number)),
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _exact(number: str) -> str:
    if re.match(INEXACT, number):
        raise FileRejectedError("JSON array with a number of too many digits; deliver it as text")
    return number


def _refuse_lone_surrogates(record: Any, number: int) -> None:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise FileRejectedError(
            f"record {number} of the JSON array has half a character, such as \\ud800"
        ) from error


def _depth(value: Any) -> int:
    """Levels of arrays and objects, without recursion."""
    level, depth = [value], 0
    while level := [part for part in level if isinstance(part, (dict, list))]:
        depth += 1
        level = [
            inner for part in level for inner in (part.values() if isinstance(part, dict) else part)
        ]
    return depth

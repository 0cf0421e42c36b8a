"""The fields of records of JSON as texts: an auditor's own way to find and to spell them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from assay.verify.headers import fold
from assay.verify.spelling import plain_number

Record = dict[str, Any]


def parse(text: bytes, *, strict: bool = False) -> Any:
    """What a text of JSON says, numbers as texts; None when it is none, unless it must be."""
    try:
        return json.loads(text, parse_float=plain_number, parse_int=str)
    except (ValueError, RecursionError):
        if strict:
            raise
        return None


def as_record(value: Any) -> Record:
    """An object; what is none is a record without fields."""
    return value if isinstance(value, dict) else {}


def finder(name: str) -> Callable[[Record], str | None]:
    """What finds a field: nested as `outer.inner`, or with a name that has the dot in it.

    A null hides no value that stands under another spelling of the name.
    """
    outer, _, inner = name.partition(".")

    def values(record: Record) -> Iterator[Any]:
        if inner:
            for parent in _spelt(record, outer):
                if isinstance(parent, dict):
                    yield from _spelt(parent, inner)
        yield from _spelt(record, name)

    return lambda record: _text(next(values(record), None))


def _spelt(record: Record, name: str) -> Iterator[Any]:
    """The values of a field that are not null, the one with the exact name first."""
    exact = record.get(name)
    if exact is not None:
        yield exact
    folded = fold(name)
    yield from (v for key, v in record.items() if v is not None and fold(key) == folded)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

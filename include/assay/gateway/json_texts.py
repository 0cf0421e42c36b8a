"""Bodies of JSON as the texts of their records, one after the other, and the fields of each.

A small body that is packed well may have millions of records, or of blank lines, so none is taken
apart as a whole before it is known that it has not more than a request may have.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from assay.contracts.model import Contract
from assay.errors import FileRejectedError, RequestRefusedError
from assay.gateway.body import Kind
from assay.gateway.records import Most
from assay.intake.json_files import BLANKS, MOST_FIELDS
from assay.intake.limits import refuse_above

READ = msgspec.json.Decoder(float_hook=str)  # a number as it is spelt
READ_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
LINE = re.compile(rb"[^ \t\r\n][^\n]*")  # blank ones may be millions
MOST_REMEMBERED = 4_000  # characters of names
Names = tuple[str, ...]
BREAKS = bytes.maketrans(b"\r\n", b"  ")


def texts_of(body: bytes, kind: Kind, contract: Contract, most: Most) -> Iterator[bytes]:
    """The text of each record, on one line.

    Raises RequestRefusedError when none can be found, (413) for too many, and for a record that
    acceptance would refuse the whole file for.
    """
    if kind is Kind.LINES:
        for number, found in enumerate(LINE.finditer(body), 1):
            most.require(number)
            if text := found[0].removeprefix(codecs.BOM_UTF8).strip(BLANKS):
                require_values(text, contract)
                yield text
        return
    body = body.strip(BLANKS)
    require_values(body, contract)
    try:
        if body.startswith(b"[") and body.count(b",") >= most.records:
            _require_elements(body, most)
        for element in READ_ARRAY.decode(body) if body.startswith(b"[") else [body]:
            text = bytes(element)
            READ.decode(text)  # no line break in it can be one of a string
            yield text.translate(BREAKS).strip(BLANKS)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise RequestRefusedError(400, f"the body is not JSON: {error}") from error


def require_values(text: bytes, contract: Contract) -> None:
    """Raise RequestRefusedError (413) for a line, or array, of more values than a file may have."""
    if len(text) > contract.limits.json_values:
        values = sum(map(text.count, (b",", b"[", b"{")))
        try:
            refuse_above(contract, "json_values", values, "values in one line or array of JSON")
        except FileRejectedError as error:
            raise RequestRefusedError(413, str(error)) from error


def read_object(text: bytes) -> dict[str, Any] | None:
    """The fields of a record; None for what is no object."""
    try:
        record = READ.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def fields_of(record: dict[str, Any]) -> dict[str, Any]:
    """Its fields under the names that acceptance finds, nested ones as `outer.inner`."""
    fields: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and value:
            for inner, each in value.items():
                fields.setdefault(f"{name}.{inner}", each)
        else:
            fields[name] = value  # also over a nested one: a name may have dots of its own
    return fields


def remembers(names: Names) -> bool:
    """Whether what was found out of records with these names is kept for the next of them.

    Raises RequestRefusedError (413) for more names than acceptance keeps of a file.
    """
    if len(names) > MOST_FIELDS:
        raise RequestRefusedError(413, f"a record of more than {MOST_FIELDS:,} fields")
    return sum(map(len, names)) <= MOST_REMEMBERED


class _Element:
    """Stands for any element of an array."""


def _require_elements(body: bytes, most: Most) -> None:
    """Raise RequestRefusedError (413) at the first element too many, before a list has them."""
    seen, same = 0, _Element()

    def see(_: type, __: Any) -> _Element:
        nonlocal seen
        seen += 1
        most.require(seen)
        return same

    msgspec.json.Decoder(list[_Element], dec_hook=see).decode(body)

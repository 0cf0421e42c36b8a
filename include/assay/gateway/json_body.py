"""JSON bodies: each record becomes one line, with its own bytes, of a file of JSON lines.

No record may keep acceptance from taking the file of its group. So a text that is no object is
written as a JSON string, unless it begins as one: another record must not be taken for an array or
a web page by its first character. And a field that every file has to have is null where it is not.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from assay.contracts.model import Contract
from assay.errors import FileRejectedError, RequestRefusedError
from assay.gateway.body import Kind
from assay.gateway.check import MALFORMED, Checker
from assay.gateway.records import Prepared, Target, as_refusal
from assay.gateway.values import Text
from assay.intake.header import delivered_name, match_header, nearest_shape
from assay.intake.json_files import BLANKS, MOST_FIELDS
from assay.intake.limits import refuse_above

READ = msgspec.json.Decoder(float_hook=str)  # a number as it is spelt
READ_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
BREAKS = bytes.maketrans(b"\r\n", b"  ")
MOST_REMEMBERED = 4_000  # characters of names
Names = tuple[str, ...]


def prepare_lines(
    body: bytes, kind: Kind, checker: Checker, pattern: str, *, strict: bool
) -> Prepared:
    """The records of a body as lines of JSON. Raises RequestRefusedError."""
    prepared = Prepared(Target(checker.bronze.dataset, pattern), strict)
    shapes: set[str] = set()
    for text in texts_of(body, kind):
        require_values(text, checker.bronze)
        record = read_object(text)
        if record is None:
            line = text if text.startswith(b"{") else json.dumps(text.decode()).encode()
            prepared.add(line + b"\n", [MALFORMED])
            continue
        look = look_at(checker, names_of(record))
        shapes.add(look.shape)
        texts = look.texts(record)
        reasons = [MALFORMED] if texts is None else checker.reasons(texts)
        prepared.add(_with_nulls(text, look.lacking) + b"\n", reasons)
    require_objects(prepared, len(shapes))
    if len(shapes) > 1:
        told = ", ".join(sorted(shapes))
        raise RequestRefusedError(422, f"records of more than one shape ({told}); send them apart")
    prepared.target = Target(checker.bronze.dataset, pattern, shape=shapes.pop())
    return prepared


def texts_of(body: bytes, kind: Kind) -> Iterator[bytes]:
    """The text of each record, on one line. Raises RequestRefusedError when none can be found."""
    if kind is Kind.LINES:
        for line in body.split(b"\n"):
            if text := line.removeprefix(codecs.BOM_UTF8).strip(BLANKS):
                yield text
        return
    body = body.strip(BLANKS)
    try:
        for element in READ_ARRAY.decode(body) if body.startswith(b"[") else [body]:
            text = bytes(element)
            READ.decode(text)  # no line break in it can be one of a string
            yield text.translate(BREAKS).strip(BLANKS)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise RequestRefusedError(400, f"the body is not JSON: {error}") from error


def read_object(text: bytes) -> dict[str, Any] | None:
    """The fields of a record; None for what is no object."""
    try:
        record = READ.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def names_of(record: dict[str, Any]) -> Names:
    """The names of its fields as acceptance finds them, nested ones as `outer.inner`."""
    names: list[str] = []
    for name, value in record.items():
        if isinstance(value, dict) and value:
            names += [f"{name}.{inner}" for inner in value]
        else:
            names.append(name)
    return (*names,)


def require_values(text: bytes, contract: Contract) -> None:
    """Raise RequestRefusedError for a line that acceptance would refuse the whole file for."""
    if len(text) > contract.limits.json_values:
        values = sum(map(text.count, (b",", b"[", b"{")))
        try:
            refuse_above(contract, "json_values", values, "values in one line of JSON")
        except FileRejectedError as error:
            raise as_refusal(error) from error


def require_objects(prepared: Prepared, objects: int) -> None:
    """Raise RequestRefusedError when no record is an object: that is no body of this dataset."""
    if prepared.seen and not objects:
        raise RequestRefusedError(400, "no record of the body is a JSON object")
    if not prepared.seen:
        raise RequestRefusedError(400, "the body has no record")


class Look:
    """Records with the same names: where the columns of bronze are, and which are not there."""

    def __init__(self, bronze: Contract, names: Names) -> None:
        header = [*names]
        self.shape = nearest_shape(header, bronze)
        found = match_header(header, bronze)
        self.places = {column: names[at] for column, at in found.items()}
        known = {*self.places.values()}
        self.unknown = [name for name in names if name not in known]
        absent = [column for column in bronze.columns if column.name not in found]
        spelt = [delivered_name(column, bronze, self.shape) for column in absent]
        self.lacking = [name for name, c in zip(spelt, absent, strict=True) if c.required]
        outer = tuple(f"{name}." for name in spelt)
        self.has_objects = any(name.startswith(outer) for name in names)

    def texts(self, record: dict[str, Any]) -> dict[str, Text] | None:
        """Its values as texts, by bronze column; None where one of them is no single value."""
        if self.has_objects:
            return None
        texts: dict[str, Text] = {}
        for column, name in self.places.items():
            value = value_at(record, name)
            if isinstance(value, (dict, list)):
                return None
            texts[column] = text_of(value)
        return texts


def value_at(record: dict[str, Any], name: str) -> Any:
    """The value of a name of `names_of`."""
    if name in record:
        return record[name]
    return next(
        (
            value[name[len(outer) + 1 :]]
            for outer, value in record.items()  # a name may have dots of its own
            if isinstance(value, dict)
            and name.startswith(f"{outer}.")
            and name[len(outer) + 1 :] in value
        ),
        None,
    )


def text_of(value: Any) -> Text:
    """A JSON value as the text that bronze has of it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def look_at(checker: Checker, names: Names) -> Look:
    """How records with these names are read.

    Raises RequestRefusedError for more names than acceptance keeps of a file.
    """
    if len(names) > MOST_FIELDS:
        raise RequestRefusedError(422, f"a record of more than {MOST_FIELDS:,} fields")
    if sum(map(len, names)) > MOST_REMEMBERED:
        return Look(checker.bronze, names)
    return _remembered(checker, names)


@lru_cache(maxsize=512)
def _remembered(checker: Checker, names: Names) -> Look:
    """Most records have the same names as the one before."""
    return Look(checker.bronze, names)


def _with_nulls(text: bytes, lacking: list[str]) -> bytes:
    if not lacking:
        return text
    fields = ", ".join(f"{json.dumps(name)}: null" for name in lacking)
    inside = text[1:-1].strip(BLANKS)
    return b"{" + (inside + b", " if inside else b"") + fields.encode() + b"}"

"""JSON bodies: each record becomes one line, with its own bytes, of a file of JSON lines.

No record may keep acceptance from taking the file of its group. So a text that is no object is
written as a JSON string, unless it begins as one: another record must not be taken for an array or
a web page by its first character. And a field that every file has to have is null where it is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from assay.contracts.model import Contract
from assay.errors import RequestRefusedError
from assay.gateway.body import Kind
from assay.gateway.check import MALFORMED, Checker
from assay.gateway.json_texts import Names, fields_of, read_object, remembers, texts_of
from assay.gateway.records import Most, Prepared, Target
from assay.gateway.shapes import shape_of_body
from assay.gateway.values import Text
from assay.intake.header import delivered_name, match_shape, nearest_shape
from assay.intake.json_files import BLANKS


def prepare_lines(
    body: bytes, kind: Kind, checker: Checker, pattern: str, most: Most, *, strict: bool
) -> Prepared:
    """The records of a body as lines of JSON. Raises RequestRefusedError."""
    shape, strays = shape_of_body(body, kind, checker, most)
    target = Target(checker.bronze.dataset, pattern, shape=shape, strays=strays)
    prepared, objects = Prepared(target, most, strict), 0
    for text in texts_of(body, kind, checker.bronze, most):
        record = read_object(text)
        if record is None:
            line = text if text.startswith(b"{") else json.dumps(text.decode()).encode()
            prepared.add(line + b"\n", [MALFORMED])
            continue
        fields = fields_of(record)
        look = look_at(checker, (*fields,), shape)
        objects += 1
        texts = look.texts(fields)
        reasons = [MALFORMED] if texts is None else checker.reasons(texts)
        prepared.add(_with_nulls(text, look.lacking) + b"\n", reasons)
    require_objects(prepared, objects)
    return prepared


def require_objects(prepared: Prepared, objects: int) -> None:
    """Raise RequestRefusedError when no record is an object: that is no body of this dataset."""
    if prepared.seen and not objects:
        raise RequestRefusedError(400, "no record of the body is a JSON object")
    if not prepared.seen:
        raise RequestRefusedError(400, "the body has no record")


class Look:
    """Records with the same names: where the columns of bronze are, and which are not there.

    They are read by the shape of their body, or by the one that fits them best.
    """

    def __init__(self, bronze: Contract, names: Names, shape: str | None = None) -> None:
        header = [*names]
        self.shape = nearest_shape(header, bronze) if shape is None else shape
        found = match_shape(header, bronze, self.shape)
        self.places = {column: names[at] for column, at in found.items()}
        known = {*self.places.values()}
        self.unknown = [name for name in names if name not in known]
        absent = [column for column in bronze.columns if column.name not in found]
        spelt = [delivered_name(column, bronze, self.shape) for column in absent]
        self.lacking = [name for name, c in zip(spelt, absent, strict=True) if c.required]
        outer = tuple(f"{name}." for name in spelt)
        self.has_objects = any(name.startswith(outer) for name in names)

    def texts(self, fields: Mapping[str, Any]) -> dict[str, Text] | None:
        """Its values as texts, by bronze column; None where one of them is no single value."""
        if self.has_objects:
            return None
        texts: dict[str, Text] = {}
        for column, name in self.places.items():
            value = fields[name]
            if isinstance(value, (dict, list)):
                return None
            texts[column] = text_of(value)
        return texts


def text_of(value: Any) -> Text:
    """A JSON value as the text that bronze has of it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def look_at(checker: Checker, names: Names, shape: str | None = None) -> Look:
    """How records with these names are read, see Look. Raises as `remembers` does."""
    if remembers(names):
        return _remembered(checker, names, shape)
    return Look(checker.bronze, names, shape)


@lru_cache(maxsize=512)
def _remembered(checker: Checker, names: Names, shape: str | None) -> Look:
    """Most records have the same names as the one before."""
    return Look(checker.bronze, names, shape)


def _with_nulls(text: bytes, lacking: list[str]) -> bytes:
    if not lacking:
        return text
    fields = ", ".join(f"{json.dumps(name)}: null" for name in lacking)
    inside = text[1:-1].strip(BLANKS)
    return b"{" + (inside + b", " if inside else b"") + fields.encode() + b"}"

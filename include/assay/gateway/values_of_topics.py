"""The records of a body as values of a topic, in the form that the contract says of it.

A value of JSON keeps the bytes of its record. What is no record becomes a value that the stream
finds malformed by itself, so it is quarantined, and is never a fault of the records beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from assay.contracts.delivery import Stream
from assay.contracts.load import load_contract
from assay.errors import RequestRefusedError
from assay.gateway.body import Kind
from assay.gateway.check import MALFORMED, Checker
from assay.gateway.csv_body import Row, header_of, records_of, require_lines, require_rows
from assay.gateway.csv_text import line_of, malformed_line
from assay.gateway.json_body import require_objects, text_of
from assay.gateway.json_texts import Names, fields_of, read_object, remembers, texts_of
from assay.gateway.records import Most, Prepared, Target
from assay.gateway.values import Text, standardiser
from assay.intake.header import delivered_name, match_header, nearest_shape, value_spellings

# Brokers take a message of 1 MB by default, with its key, its headers and what frames it.
LARGEST_VALUE, LONGEST_KEY = 900_000, 1_000
SEPARATOR = "\x1f"
Record = dict[str, Any]


def prepare_values(
    body: bytes, kind: Kind, checker: Checker, stream: Stream, most: Most, *, strict: bool
) -> Prepared:
    """The records of a body as values of the first topic. Raises RequestRefusedError."""
    target = Target(checker.bronze.dataset, topic=stream.topics[0])
    prepared, objects = Prepared(target, most, strict), 0
    read = _rows(body, checker, most) if kind is Kind.CSV else _objects(body, kind, checker, most)
    key_of = _keys(checker.bronze.dataset)
    for text, record in read:
        fields = fields_of(record or {})
        look = None if record is None else _look(checker, (*fields,))
        texts = None if look is None else look.texts(fields)
        if stream.values == "csv":
            value = _csv_value(text, texts, look.unknown if look else [], checker)
        else:
            value = _json_value(text, record) if kind is Kind.CSV else text
        if len(value) > LARGEST_VALUE:
            raise RequestRefusedError(413, f"a record of more than {LARGEST_VALUE:,} bytes")
        reasons = [MALFORMED] if texts is None else checker.reasons(texts)
        prepared.add_value(key_of(texts) if texts else None, value, reasons)
        objects += record is not None
    if kind is Kind.CSV:
        require_rows(prepared)
    else:
        require_objects(prepared, objects)
    return prepared


def _objects(
    body: bytes, kind: Kind, checker: Checker, most: Most
) -> Iterator[tuple[bytes, Record | None]]:
    for text in texts_of(body, kind, checker.bronze, most):
        yield text, read_object(text)


def _rows(body: bytes, checker: Checker, most: Most) -> Iterator[tuple[bytes, Record | None]]:
    """Records of CSV, with the names that the contract has for their columns."""
    dialect = checker.bronze.dialect
    require_lines(body)
    records = records_of(body, dialect, most)
    first, text = next(records, ([], ""))
    if not first:
        raise RequestRefusedError(400, "the body has no record")
    names = _names(header_of(first, text, checker, dialect), checker)
    if not dialect.header:
        yield text.encode(), _row(names, first)
    for row, text in records:
        yield text.encode(), _row(names, row)


def _names(header: Row, checker: Checker) -> list[str]:
    """The header, each column as the topic spells it."""
    bronze = checker.bronze
    shape = nearest_shape(header, bronze)
    names = [*header]
    for column in bronze.columns:
        at = match_header(header, bronze).get(column.name)
        if at is not None:
            names[at] = delivered_name(column, bronze, shape)
    return names


def _row(names: list[str], row: Row) -> Record | None:
    if len(row) != len(names):
        return None
    return {name: text or None for name, text in zip(names, row, strict=True)}


class _Look:
    """Records with the same names: under which of them each column of bronze may be."""

    def __init__(self, checker: Checker, names: Names) -> None:
        given = {*names}
        self.places = {
            column: [name for name in spelt if name in given]
            for column, spelt in value_spellings([], checker.bronze).items()
        }
        spelt = {name for names in value_spellings([], checker.bronze).values() for name in names}
        self.unknown = [name for name in names if name not in spelt]
        self.has_objects = any(name.startswith(f"{each}.") for name in given for each in spelt)

    def texts(self, fields: Record) -> dict[str, Text] | None:
        """Its values as texts, by bronze column; None where one of them is no single value."""
        if self.has_objects:
            return None
        texts: dict[str, Text] = {}
        for column, names in self.places.items():
            found = [value for name in names if (value := fields[name]) is not None]
            if any(isinstance(value, (dict, list)) for value in found):
                return None
            said = {text_of(value) for value in found}
            if len(said) > 1:
                return None
            texts[column] = said.pop() if said else None
        return texts


def _look(checker: Checker, names: Names) -> _Look:
    return _remembered(checker, names) if remembers(names) else _Look(checker, names)


@lru_cache(maxsize=512)
def _remembered(checker: Checker, names: Names) -> _Look:
    return _Look(checker, names)


def _json_value(text: bytes, record: Record | None) -> bytes:
    """A record of CSV as an object; what is no record as a text, which is none either."""
    return msgspec.json.encode(text.decode() if record is None else record)


def _csv_value(
    text: bytes, texts: Mapping[str, Text] | None, unknown: Sequence[str], checker: Checker
) -> bytes:
    """Without the end of its line: it is the only one of its value."""
    columns, dialect = checker.bronze.column_names, checker.bronze.dialect
    if texts is None or any("\0" in each for each in texts.values() if each):
        return malformed_line(text.decode(), len(columns), dialect)[:-1].encode()
    if unknown:
        raise RequestRefusedError(
            422, f"records of this topic have the columns and no others, not {unknown[0]!r}"
        )
    return line_of([texts[column] for column in columns], dialect)[:-1].encode()


class _Keys:
    """The keys of records: versions of a row are in one partition, in the order of their coming."""

    def __init__(self, dataset: str) -> None:
        silver, bronze = load_contract("silver", dataset), load_contract("bronze", dataset)
        columns = [each for each in silver.columns if each.name in silver.keys]
        self.readers = [(c.source or c.name, standardiser(c, silver.forms)) for c in columns]
        self.is_told = all(source in bronze.column_names for source, _ in self.readers)

    def __call__(self, texts: Mapping[str, Text]) -> bytes | None:
        """None for a record that has not all of them: any partition will do."""
        if not self.is_told:
            return None
        found = []
        for source, standardise in self.readers:
            given = texts.get(source)
            text = standardise(given) if given is not None else None
            if text is None:
                return None
            found.append(text)
        return SEPARATOR.join(found).encode("utf-8", "replace")[:LONGEST_KEY]


@lru_cache(maxsize=64)
def _keys(dataset: str) -> _Keys:
    return _Keys(dataset)

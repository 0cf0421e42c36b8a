"""Records of JSON for a dataset whose files are CSV.

Each becomes one of CSV with all columns of the contract, and those that it does not know behind
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from assay.contracts.dialect import Dialect
from assay.errors import RequestRefusedError
from assay.gateway.body import Kind
from assay.gateway.check import MALFORMED, Checker
from assay.gateway.csv_body import header_of
from assay.gateway.csv_text import encoded, line_of, malformed_line, sparse_line
from assay.gateway.json_body import Look, look_at, require_objects, text_of
from assay.gateway.json_texts import fields_of, read_object, texts_of
from assay.gateway.records import Most, Prepared, Target
from assay.gateway.values import Text
from assay.intake.header import delivered_name
from assay.intake.survey import MOST_COLUMNS


def prepare_csv_of_json(
    body: bytes, kind: Kind, checker: Checker, pattern: str, most: Most, *, strict: bool
) -> Prepared:
    """The records of a JSON body as CSV. Raises RequestRefusedError."""
    bronze, dialect = checker.bronze, checker.bronze.dialect
    texts_of_records = [*texts_of(body, kind, bronze, most)]
    unknown = {name: at for at, name in enumerate(sorted(_unknown(texts_of_records, checker)))}
    shape = next(iter(bronze.source.shapes)) if bronze.source else ""
    header = [delivered_name(column, bronze, shape) for column in bronze.columns] + [*unknown]
    if unknown:
        _require_header(dialect)
    head = line_of(header, dialect)
    header_of(header, head.rstrip("\n"), checker, dialect)
    target = Target(
        bronze.dataset,
        pattern,
        head=encoded(head, dialect) if dialect.header else b"",
        encoding=dialect.encoding,
    )
    prepared, objects = Prepared(target, most, strict), 0
    prepared.size = len(target.head)
    for text in texts_of_records:
        record = read_object(text)
        fields = fields_of(record or {})
        look = None if record is None else look_at(checker, (*fields,))
        objects += record is not None
        row = None if look is None else _row(fields, look, bronze.column_names)
        if row is None or look is None:
            _require_header(dialect)
            line = malformed_line(text.decode(), len(header), dialect)
            prepared.add(encoded(line, dialect), [MALFORMED])
            continue
        texts = dict(zip(bronze.column_names, row, strict=False))
        own = {unknown[name]: _any_text(fields[name]) for name in look.unknown}
        line = sparse_line(row, own, len(unknown), dialect)
        if "\r" in line:
            _require_header(dialect)
        prepared.add(encoded(line, dialect), checker.reasons(texts))
    require_objects(prepared, objects)
    return prepared


def _unknown(texts: Sequence[bytes], checker: Checker) -> set[str]:
    """The names that the contract does not know: a header has them all.

    Records are read for it, and again for their values: all at once they take ten times the body.
    Raises RequestRefusedError (413) for more than a header may have.
    """
    unknown: set[str] = set()
    for text in texts:
        record = read_object(text)
        if record is not None:
            unknown.update(look_at(checker, (*fields_of(record),)).unknown)
        if len(unknown) > MOST_COLUMNS:
            raise RequestRefusedError(413, f"more than {MOST_COLUMNS:,} columns; send several")
    return unknown


def _require_header(dialect: Dialect) -> None:
    """Raise RequestRefusedError for what only a file with a header can tell."""
    if not dialect.header:
        raise RequestRefusedError(
            422, "files of this dataset have no header, so a record has the columns and no others"
        )


def _row(fields: Mapping[str, Any], look: Look, columns: Sequence[str]) -> list[Text] | None:
    texts = look.texts(fields)
    if texts is None or any("\0" in text for text in texts.values() if text):
        return None
    return [texts.get(column) for column in columns]


def _any_text(value: Any) -> Text:
    """A value that no column has; an object or an array as JSON."""
    if isinstance(value, (dict, list)):
        value = msgspec.json.encode(value).decode()
    return (text_of(value) or "").replace("\0", "\\u0000") or None

"""Records of JSON for a dataset whose files are CSV.

Each becomes one of CSV with all columns of the contract, and those that it does not know behind
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from assay.contracts.dialect import Dialect
from assay.errors import RequestRefusedError
from assay.gateway.body import Kind
from assay.gateway.check import MALFORMED, Checker
from assay.gateway.csv_body import header_of
from assay.gateway.csv_text import encoded, line_of, malformed_line
from assay.gateway.json_body import (
    Look,
    look_at,
    names_of,
    read_object,
    require_objects,
    text_of,
    texts_of,
    value_at,
)
from assay.gateway.records import Prepared, Target
from assay.gateway.values import Text
from assay.intake.header import delivered_name


def prepare_csv_of_json(
    body: bytes, kind: Kind, checker: Checker, pattern: str, *, strict: bool
) -> Prepared:
    """The records of a JSON body as CSV. Raises RequestRefusedError."""
    bronze, dialect = checker.bronze, checker.bronze.dialect
    read: list[tuple[bytes, dict[str, Any] | None, Look | None]] = []
    unknown: dict[str, None] = {}
    for text in texts_of(body, kind):
        record = read_object(text)
        look = None if record is None else look_at(checker, names_of(record))
        unknown |= dict.fromkeys(look.unknown if look else ())
        read.append((text, record, look))
    shape = next(iter(bronze.source.shapes)) if bronze.source else ""
    header = [delivered_name(column, bronze, shape) for column in bronze.columns] + sorted(unknown)
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
    prepared = Prepared(target, strict)
    for text, record, look in read:
        row = None if record is None or look is None else _row(record, look, bronze.column_names)
        if row is None:
            _require_header(dialect)
            prepared.add(
                encoded(malformed_line(text.decode(), len(header), dialect), dialect), [MALFORMED]
            )
            continue
        texts = dict(zip(bronze.column_names, row, strict=False))
        row += [_any_text(value_at(record or {}, name)) for name in sorted(unknown)]
        line = line_of(row, dialect)
        if "\r" in line:
            _require_header(dialect)
        prepared.add(encoded(line, dialect), checker.reasons(texts))
    require_objects(prepared, sum(record is not None for _, record, _ in read))
    return prepared


def _require_header(dialect: Dialect) -> None:
    """Raise RequestRefusedError for what only a file with a header can tell."""
    if not dialect.header:
        raise RequestRefusedError(
            422, "files of this dataset have no header, so a record has the columns and no others"
        )


def _row(record: dict[str, Any], look: Look, columns: Sequence[str]) -> list[Text] | None:
    texts = look.texts(record)
    if texts is None or any("\0" in text for text in texts.values() if text):
        return None
    return [texts.get(column) for column in columns]


def _any_text(value: Any) -> Text:
    """A value that no column has; an object or an array as JSON."""
    if isinstance(value, (dict, list)):
        value = msgspec.json.encode(value).decode()
    return (text_of(value) or "").replace("\0", "\\u0000") or None

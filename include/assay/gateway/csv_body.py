"""CSV bodies, and records of JSON for a dataset whose files are CSV.

Records of a CSV body keep their own bytes. Of a body that cannot be told apart into records nothing
is taken: it has no record to be quarantined. A record of JSON becomes one of CSV with all columns
of the contract, and those that it does not know behind them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from assay.contracts.dialect import Dialect
from assay.errors import FileRejectedError, RequestRefusedError
from assay.gateway.body import Kind
from assay.gateway.check import MALFORMED, Checker
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
from assay.gateway.records import Prepared, Target, as_refusal
from assay.gateway.values import Text
from assay.intake.csv_files import LONGEST_FIELD, csv_rules
from assay.intake.header import check_header, delivered_name, header_by_position, match_header
from assay.intake.survey import LONGEST_LINE, MOST_COLUMNS, refuse_signature

Row = list[str]
LINE_ENDS = "\r\n"


def prepare_csv(body: bytes, checker: Checker, pattern: str, *, strict: bool) -> Prepared:
    """The records of a CSV body. Raises RequestRefusedError."""
    bronze = checker.bronze
    dialect = bronze.dialect
    _require_lines(body)
    records = _records(body.decode(), dialect)
    first, text = next(records, ([], ""))
    if not first:
        raise RequestRefusedError(400, "the body has no record")
    header = _header(first, text, checker, dialect)
    target = Target(
        bronze.dataset,
        pattern,
        head=_encoded(text + "\n", dialect) if dialect.header else b"",
        encoding=dialect.encoding,
    )
    reasons_of = checker.by_position(match_header(header, bronze))
    prepared = Prepared(target, strict)
    if not dialect.header:
        prepared.add(_encoded(text + "\n", dialect), reasons_of(first))
    for row, text in records:
        if not dialect.header and "\r" in text:
            raise RequestRefusedError(400, "a carriage return in a field of a file without header")
        reasons = reasons_of(row) if len(row) == len(header) else [MALFORMED]
        prepared.add(_encoded(text + "\n", dialect), reasons)
    if not prepared.seen:
        raise RequestRefusedError(400, "the body has a header and no record")
    return prepared


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
    head = _line(header, dialect)
    _header(header, head.rstrip("\n"), checker, dialect)
    target = Target(
        bronze.dataset,
        pattern,
        head=_encoded(head, dialect) if dialect.header else b"",
        encoding=dialect.encoding,
    )
    prepared = Prepared(target, strict)
    for text, record, look in read:
        row = None if record is None or look is None else _row(record, look, bronze.column_names)
        if row is None:
            _require_header(dialect)
            prepared.add(_encoded(_malformed(text, len(header), dialect), dialect), [MALFORMED])
            continue
        texts = dict(zip(bronze.column_names, row, strict=False))
        row += [_any_text(value_at(record or {}, name)) for name in sorted(unknown)]
        line = _line(row, dialect)
        if "\r" in line:
            _require_header(dialect)
        prepared.add(_encoded(line, dialect), checker.reasons(texts))
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


def _malformed(text: bytes, fields: int, dialect: Dialect) -> str:
    """A text as a record that has not as many fields as the header."""
    only = [text.decode()]
    return _line(only if fields > 1 else [*only, ""], dialect)


def _header(first: Row, text: str, checker: Checker, dialect: Dialect) -> Row:
    """The names of the columns. Raises RequestRefusedError as acceptance would refuse the file."""
    if re.fullmatch("sep=.?", dialect.delimiter.join(first).casefold()):
        raise RequestRefusedError(422, f"the first line is {first[0]!r}; send the body without it")
    if any("\0" in name for name in first):
        raise RequestRefusedError(422, "NUL in the name of a column")
    try:
        header = first if dialect.header else header_by_position(first, checker.bronze)
        check_header(header, checker.bronze)
        if dialect.encoding != "utf-16":
            refuse_signature(text.encode(), "csv")
    except FileRejectedError as error:
        raise as_refusal(error) from error
    return header


def _require_lines(body: bytes) -> None:
    longest = max(map(len, body.split(b"\n")))
    if longest >= LONGEST_LINE["csv"]:
        raise RequestRefusedError(413, f"a line of more than {LONGEST_LINE['csv']:,} bytes")


def _records(body: str, dialect: Dialect) -> Iterator[tuple[Row, str]]:
    """Each record: its fields, and its text without the end of its last line; no blank lines."""
    csv.field_size_limit(LONGEST_FIELD)
    lines = body.split("\n")
    begun: list[str] = []

    def taken() -> Iterator[str]:
        for number, line in enumerate(lines):
            begun.append(line)
            yield line if number == len(lines) - 1 else f"{line}\n"

    reader = csv.reader(taken(), csv_rules(dialect))
    try:
        for row in reader:
            text = "\n".join(begun)
            begun.clear()
            if not row:
                continue
            if len(row) > MOST_COLUMNS:
                raise RequestRefusedError(400, f"more than {MOST_COLUMNS:,} fields in a record")
            yield row, text.rstrip(LINE_ENDS)
    except csv.Error as error:
        raise RequestRefusedError(
            400, f"the body is not CSV: {error}, at line {reader.line_num}"
        ) from error


def _line(row: Sequence[Text], dialect: Dialect) -> str:
    """A record of CSV; None is an empty field, an empty text one in quotes."""
    special = {dialect.delimiter, dialect.quote, "\r", "\n", " ", "\t"}
    return dialect.delimiter.join(_fields(row, dialect.quote, special.intersection)) + "\n"


def _fields(row: Sequence[Text], quote: str, specials: Callable[[str], set[str]]) -> Iterator[str]:
    for text in row:
        if text is None:
            yield ""
        elif len(text) > LONGEST_FIELD:
            raise RequestRefusedError(413, f"a value of more than {LONGEST_FIELD:,} characters")
        elif not text or specials(text):
            yield f"{quote}{text.replace(quote, quote * 2)}{quote}"
        else:
            yield text


def _encoded(text: str, dialect: Dialect) -> bytes:
    """The text in UTF-8, when the files of the feed can hold it."""
    if dialect.encoding in ("latin-1", "cp1252"):
        try:
            text.encode(dialect.encoding)
        except UnicodeEncodeError as error:
            raise RequestRefusedError(
                422, f"{error.object[error.start]!r} cannot be written in {dialect.encoding}"
            ) from error
    return text.encode()

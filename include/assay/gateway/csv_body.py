"""CSV bodies: their header, and their records, each with its own bytes.

Of a body that cannot be told apart into records nothing is taken: it has no record to be
quarantined.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from assay.contracts.dialect import Dialect
from assay.errors import FileRejectedError, RequestRefusedError
from assay.gateway.check import MALFORMED, Checker
from assay.gateway.csv_text import encoded
from assay.gateway.records import Prepared, Target, as_refusal
from assay.intake.csv_files import LONGEST_FIELD, csv_rules
from assay.intake.header import check_header, header_by_position, match_header
from assay.intake.survey import LONGEST_LINE, MOST_COLUMNS, refuse_signature

Row = list[str]
LINE_ENDS = "\r\n"


def prepare_csv(body: bytes, checker: Checker, pattern: str, *, strict: bool) -> Prepared:
    """The records of a CSV body. Raises RequestRefusedError."""
    bronze = checker.bronze
    dialect = bronze.dialect
    require_lines(body)
    records = records_of(body.decode(), dialect)
    first, text = next(records, ([], ""))
    if not first:
        raise RequestRefusedError(400, "the body has no record")
    header = header_of(first, text, checker, dialect)
    target = Target(
        bronze.dataset,
        pattern,
        head=encoded(text + "\n", dialect) if dialect.header else b"",
        encoding=dialect.encoding,
    )
    reasons_of = checker.by_position(match_header(header, bronze))
    prepared = Prepared(target, strict)
    if not dialect.header:
        prepared.add(encoded(text + "\n", dialect), reasons_of(first))
    for row, text in records:
        if not dialect.header and "\r" in text:
            raise RequestRefusedError(400, "a carriage return in a field of a file without header")
        reasons = reasons_of(row) if len(row) == len(header) else [MALFORMED]
        prepared.add(encoded(text + "\n", dialect), reasons)
    if not prepared.seen:
        raise RequestRefusedError(400, "the body has a header and no record")
    return prepared


def header_of(first: Row, text: str, checker: Checker, dialect: Dialect) -> Row:
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


def require_lines(body: bytes) -> None:
    """Raise RequestRefusedError (413) for a line that no file may have."""
    longest = max(map(len, body.split(b"\n")))
    if longest >= LONGEST_LINE["csv"]:
        raise RequestRefusedError(413, f"a line of more than {LONGEST_LINE['csv']:,} bytes")


def records_of(body: str, dialect: Dialect) -> Iterator[tuple[Row, str]]:
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

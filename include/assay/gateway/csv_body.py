"""CSV bodies: their header, and their records, each with its own bytes.

Of a body that cannot be told apart into records nothing is taken: it has no record to be
quarantined.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from assay.contracts.dialect import Dialect
from assay.errors import FileRejectedError, RequestRefusedError
from assay.gateway.check import MALFORMED, Checker
from assay.gateway.csv_text import encoded
from assay.gateway.records import Most, Prepared, Target, as_refusal
from assay.intake.csv_files import LONGEST_FIELD, csv_rules
from assay.intake.header import check_header, header_by_position, match_header
from assay.intake.survey import LONGEST_LINE, MOST_COLUMNS, refuse_signature

Row = list[str]
LINE_ENDS = "\r\n"


def prepare_csv(
    body: bytes, checker: Checker, pattern: str, most: Most, *, strict: bool
) -> Prepared:
    """The records of a CSV body. Raises RequestRefusedError."""
    bronze = checker.bronze
    dialect = bronze.dialect
    require_lines(body)
    records = records_of(body, dialect, most)
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
    prepared = Prepared(target, most, strict)
    prepared.size = len(target.head)
    if not dialect.header:
        prepared.add(encoded(text + "\n", dialect), reasons_of(first))
    for row, text in records:
        if not dialect.header and "\r" in text:
            raise RequestRefusedError(400, "a carriage return in a field of a file without header")
        reasons = reasons_of(row) if len(row) == len(header) else [MALFORMED]
        prepared.add(encoded(text + "\n", dialect), reasons)
    require_rows(prepared)
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
    begin, longest = 0, LONGEST_LINE["csv"]
    while len(body) - begin >= longest:
        end = body.rfind(b"\n", begin, begin + longest)
        if end < 0:
            raise RequestRefusedError(413, f"a line of more than {longest:,} bytes")
        begin = end + 1


def require_rows(prepared: Prepared) -> None:
    """Raise RequestRefusedError (400) when no record follows the header; a bad one is one, too."""
    if not prepared.seen:
        raise RequestRefusedError(400, "the body has a header and no record")


def records_of(body: bytes, dialect: Dialect, most: Most) -> Iterator[tuple[Row, str]]:
    """Each record: its fields, and its text without the end of its last line; no blank lines.

    Raises RequestRefusedError for what is not CSV, and (413) for too many lines.
    """
    csv.field_size_limit(LONGEST_FIELD)
    begun: list[str] = []

    def taken() -> Iterator[str]:
        # One after the other: all at once may be millions, and records and fields may be of blanks.
        for number, line in enumerate(io.BytesIO(body), 1):
            most.require_lines(number)
            begun.append(line.decode())
            yield begun[-1]

    reader = csv.reader(taken(), csv_rules(dialect))
    try:
        for row in reader:
            text = "".join(begun)
            begun.clear()
            if not row:
                continue
            if len(row) > MOST_COLUMNS:
                raise RequestRefusedError(413, f"more than {MOST_COLUMNS:,} fields in a record")
            yield row, text.rstrip(LINE_ENDS)
    except csv.Error as error:
        raise RequestRefusedError(
            400, f"the body is not CSV: {error}, at line {reader.line_num}"
        ) from error

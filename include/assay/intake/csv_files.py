"""Inspection of a delivered CSV file, by the dialect of its feed, and its record count.

A file that passes has as many records for Spark's reader (multiLine, a quote escapes itself) as are
counted here; whatever could make the two disagree is a reason to reject the file.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from assay.contracts.dialect import Dialect
from assay.contracts.model import Contract
from assay.errors import FileRejectedError
from assay.intake.filenames import is_patch
from assay.intake.header import check_header, header_by_position
from assay.intake.survey import MOST_COLUMNS, Survey, open_content, survey_bytes

LONGEST_FIELD = 131_072


def inspect_csv(path: Path, contract: Contract, size: int) -> tuple[str, int, list[str]]:
    """A patch has a header even where the files of the feed have none."""
    csv.field_size_limit(LONGEST_FIELD)
    dialect = contract.dialect
    has_header = dialect.header or is_patch(path.name)
    with open_content(path) as content:
        survey = survey_bytes(content, contract, stored=size, kind="csv")
    with _open_text(path, dialect) as text:
        first, end = _read_first(text, dialect, "header" if has_header else "record")
    line = dialect.delimiter.join(first)
    if re.fullmatch("sep=.?", line.casefold()):
        raise FileRejectedError(
            f"the first line is {line!r}, which only a spreadsheet"
            " understands; deliver the file without it"
        )
    if not has_header:
        _refuse_other_break(first, end)
    header = first if has_header else header_by_position(first, contract)
    check_header(header, contract)
    return "csv", _count_records(path, dialect, survey) - has_header, header


def reading_encoding(dialect: Dialect) -> str:
    """The codec of Python that also takes a byte-order mark away."""
    return "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding


def csv_rules(dialect: Dialect) -> type[csv.Dialect]:
    """The dialect as the csv module has it."""

    class Rules(csv.excel):
        delimiter = dialect.delimiter
        quotechar = dialect.quote
        lineterminator = "\n"
        strict = True

    return Rules


@contextmanager
def _open_text(path: Path, dialect: Dialect) -> Iterator[IO[str]]:
    # newline="\n": a carriage return must reach the csv module, and no other character ends a line
    with (
        open_content(path) as content,
        io.TextIOWrapper(content, encoding=reading_encoding(dialect), newline="\n") as text,
    ):
        yield text


def _read_first(text: IO[str], dialect: Dialect, what: str) -> tuple[list[str], str]:
    """The first record, which is the header of most files, and the end of its line."""
    last = [""]
    reader = csv.reader(_keep_last(text, last), csv_rules(dialect))
    try:
        first = next((row for row in reader if row), None)
    except csv.Error as error:
        reason = _structure_reason(str(error), begins=1, line=reader.line_num)
        raise FileRejectedError(f"the {what} is not CSV: {reason}") from error
    if first is None:
        raise FileRejectedError(f"no {what}: the file has only blank lines")
    return first, _line_end(last[0])


def _refuse_other_break(first: list[str], end: str) -> None:
    """Spark takes the first line break of a file for the end of all its lines, in quotes or not."""
    found = re.search("\r\n?|\n", "".join(first))
    if found and found[0] not in ((end,) if end else ("\n", "\r\n")):
        raise FileRejectedError(
            f"the first record has the line break {found[0]!r} in quotes, and ends in {end!r}"
        )


def _count_records(path: Path, dialect: Dialect, survey: Survey) -> int:
    """Records, and the header where there is one; blank lines are none."""
    if survey.is_plain:
        return survey.lines - survey.blank_lines
    if not survey.mixes_line_ends:
        try:
            with _open_text(path, dialect) as text:
                widths = Counter(map(len, csv.reader(text, csv_rules(dialect))))
            if max(widths) <= MOST_COLUMNS:
                return widths.total() - widths[0]
        except csv.Error:
            pass  # walked again below, record by record, to name the line
    with _open_text(path, dialect) as text:
        return _walk_records(text, dialect)


def _walk_records(text: IO[str], dialect: Dialect) -> int:
    """Count record by record and refuse, with its line, whatever two readers could read apart."""
    last = [""]
    reader = csv.reader(_keep_last(text, last), csv_rules(dialect))
    records, ends, begins = 0, "", 1
    try:
        for row in reader:
            end = _line_end(last[0])
            ends = ends or end
            if end not in ("", "\n", "\r\n") or (end and end != ends):
                raise FileRejectedError(f"mixed line ends: {end!r} at line {reader.line_num}")
            if len(row) > MOST_COLUMNS:
                raise FileRejectedError(f"more than {MOST_COLUMNS} columns at line {begins}")
            records += bool(row)
            begins = reader.line_num + 1
    except csv.Error as error:
        reason = _structure_reason(str(error), begins=begins, line=reader.line_num)
        raise FileRejectedError(reason) from error
    return records


def _keep_last(text: IO[str], last: list[str]) -> Iterator[str]:
    for line in text:
        last[0] = line
        yield line


def _line_end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _structure_reason(error: str, *, begins: int, line: int) -> str:
    """What the csv module complains of, with the line; its own texts do not name one."""
    if error.startswith("unexpected end"):
        return f"unclosed quote in the record that begins at line {begins}"
    if error.startswith("field larger"):
        return (
            f"field of more than {LONGEST_FIELD} characters in the record"
            f" that begins at line {begins}; is a quote not closed?"
        )
    if error.startswith("new-line character"):
        return f"bare carriage return outside quotes at line {line}"
    return f"text after a closing quote at line {line}; the record begins at line {begins}"

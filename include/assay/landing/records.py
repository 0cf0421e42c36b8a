"""Inspection of one delivered file by its format, and its record count, independent of Spark.

A CSV file that passes has as many records for Spark's reader (multiLine, escape='"') as are counted
here; whatever could make the two disagree is a reason to reject the file.
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import IO

from assay.contract import Contract
from assay.errors import ContractError, FileRejectedError
from assay.landing.filenames import PATCHED_ROW, is_patch
from assay.landing.header import check_header
from assay.landing.json_files import inspect_json
from assay.landing.limits import refuse_above
from assay.landing.parquet_files import inspect_parquet
from assay.landing.survey import MOST_COLUMNS, Survey, hash_file, open_content, survey_bytes

LONGEST_FIELD = 131_072
FORMATS = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}


@dataclass(frozen=True)
class Inspection:
    """What is known of a file that can be taken; `file_id` is the sha256 of its bytes.

    `header` are the names of its columns, of JSON those of the fields of all its records.
    """

    file_id: str
    size_bytes: int
    format: str
    records: int
    header: list[str]


def inspect_file(path: Path, contract: Contract) -> Inspection:
    """Check a file and count its records.

    Raises FileRejectedError, with the reason that is recorded, when the file cannot be taken.
    """
    file_id, size = hash_file(path)
    kind = _format_of(matching_suffix(path.name, contract))
    if not size:
        raise FileRejectedError("empty file")
    readers = {"csv": _inspect_csv, "json": inspect_json, "parquet": inspect_parquet}
    try:
        found, records, header = readers[kind](path, contract, size)
    except (EOFError, zlib.error) as error:
        what = "truncated gzip" if isinstance(error, EOFError) else "not a sound gzip file"
        raise FileRejectedError(f"{what}: {error}") from error
    refuse_above(contract, "records", records, "records", "deliver several files")
    if is_patch(path.name):
        check_patch_header(header)
    return Inspection(
        file_id=file_id, size_bytes=size, format=found, records=records, header=header
    )


def check_patch_header(header: list[str]) -> None:
    """Raise FileRejectedError for a patch that does not say what it replaces."""
    if PATCHED_ROW not in header:
        raise FileRejectedError(f"a patch has a column {PATCHED_ROW}, which says what it replaces")


def _inspect_csv(path: Path, contract: Contract, size: int) -> tuple[str, int, list[str]]:
    csv.field_size_limit(LONGEST_FIELD)
    delimiter = contract.source.delimiter if contract.source else ","
    with open_content(path) as content:
        survey = survey_bytes(content, contract, stored=size, kind="csv")
    with _open_text(path) as text:
        header = _read_header(text, delimiter)
    if re.fullmatch("sep=.?", delimiter.join(header).casefold()):
        raise FileRejectedError(
            f"the first line is {delimiter.join(header)!r}, which only a spreadsheet"
            " understands; deliver the file without it"
        )
    check_header(header, contract)
    return "csv", _count_records(path, delimiter, survey) - 1, header


def matching_suffix(name: str, contract: Contract) -> str:
    """The suffix, such as `.csv.gz`, of the longest pattern that a file name matches."""
    source = contract.source
    if source is None:
        raise ContractError(f"{contract.path}: source is missing")
    fitting = [p for p in source.patterns if fnmatchcase(name.casefold(), p.casefold())]
    if not fitting:
        raise FileRejectedError(f"name is not {' or '.join(source.patterns)}")
    return "".join(PurePath(max(fitting, key=len)).suffixes)


def _format_of(suffix: str) -> str:
    plain = suffix.removesuffix(".gz")
    if plain not in FORMATS:
        raise ContractError(f"files named *{suffix} have no format; known: {', '.join(FORMATS)}")
    return FORMATS[plain]


@contextmanager
def _open_text(path: Path) -> Iterator[IO[str]]:
    # newline="\n": a carriage return must reach the csv module, and no other character ends a line
    with (
        open_content(path) as content,
        io.TextIOWrapper(content, encoding="utf-8-sig", newline="\n") as text,
    ):
        yield text


def _read_header(text: IO[str], delimiter: str) -> list[str]:
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        header = next((row for row in reader if row), None)
    except csv.Error as error:
        reason = _structure_reason(str(error), begins=1, line=reader.line_num)
        raise FileRejectedError(f"the header is not CSV: {reason}") from error
    if header is None:
        raise FileRejectedError("no header: the file has only blank lines")
    return header


def _count_records(path: Path, delimiter: str, survey: Survey) -> int:
    """Records with the header; blank lines are none."""
    if survey.is_plain:
        return survey.lines - survey.blank_lines
    if not survey.mixes_line_ends:
        try:
            with _open_text(path) as text:
                widths = Counter(map(len, csv.reader(text, delimiter=delimiter, strict=True)))
            if max(widths) <= MOST_COLUMNS:
                return widths.total() - widths[0]
        except csv.Error:
            pass  # walked again below, record by record, to name the line
    with _open_text(path) as text:
        return _walk_records(text, delimiter)


def _walk_records(text: IO[str], delimiter: str) -> int:
    """Count record by record and refuse, with its line, whatever two readers could read apart."""
    last = [""]
    reader = csv.reader(_keep_last(text, last), delimiter=delimiter, strict=True)
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

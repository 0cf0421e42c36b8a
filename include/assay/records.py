"""Inspection of one delivered CSV file, and its record count, independent of Spark.

A file that passes has as many records for Spark's reader (multiLine, escape='"') as are counted
here; whatever could make the two disagree is a reason to reject the file.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import os
import stat
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, BinaryIO, NoReturn, cast

from assay.contract import Contract, Source
from assay.errors import ContractError, FileRejectedError
from assay.header import check_header

BLOCK = 1 << 20
LONGEST_LINE = 8 << 20
LONGEST_FIELD = 131_072
MOST_COLUMNS = 20_480  # the limit of Spark's reader; above it the whole job fails
BOMB_RATIO, BOMB_SIZE = 100, 64 << 20

SIGNATURES = {
    codecs.BOM_UTF32_LE: "not UTF-8: byte-order mark of UTF-32",
    codecs.BOM_UTF32_BE: "not UTF-8: byte-order mark of UTF-32",
    codecs.BOM_UTF16_LE: "not UTF-8: byte-order mark of UTF-16",
    codecs.BOM_UTF16_BE: "not UTF-8: byte-order mark of UTF-16",
    b"PAR1": "not CSV: a Parquet file",
    b"PK\x03\x04": "not CSV: a ZIP archive",
    b"\x1f\x8b": "not CSV: gzip data; a compressed file is named *.gz",
    b"%PDF": "not CSV: a PDF file",
    b"<": "not CSV: HTML or XML",
    b"{": "not CSV: JSON",
    b"[": "not CSV: JSON",
}


@dataclass(frozen=True)
class Inspection:
    """What is known of a file that can be taken; `file_id` is the sha256 of its bytes."""

    file_id: str
    size_bytes: int
    records: int
    header: list[str]


@dataclass
class Survey:
    """Facts of the bytes that decide how the records are counted."""

    lines: int = 0
    blank_lines: int = 0
    longest_line: int = 0
    returns: int = 0
    return_newlines: int = 0
    newlines: int = 0
    quoted: bool = False
    decoder: codecs.IncrementalDecoder = field(
        default_factory=codecs.getincrementaldecoder("utf-8")
    )

    @property
    def mixes_line_ends(self) -> bool:
        return self.returns > 0 and not self.returns == self.return_newlines == self.newlines

    @property
    def is_plain(self) -> bool:
        """Whether every line that is not blank is one record."""
        return not (self.quoted or self.mixes_line_ends or self.longest_line > MOST_COLUMNS)


def inspect_file(path: Path, contract: Contract) -> Inspection:
    """Check a file and count its records.

    Raises FileRejectedError, with the reason that is recorded, when the file cannot be taken.
    """
    csv.field_size_limit(LONGEST_FIELD)
    source = csv_source(contract)
    matching_suffix(path.name, source)
    file_id, size = hash_file(path)
    if not size:
        raise FileRejectedError("empty file")
    try:
        with _open_content(path) as content:
            survey = _survey(content, stored=size)
        with _open_text(path) as text:
            header = _read_header(text, source.delimiter)
        check_header(header, contract)
        records = _count_records(path, source.delimiter, survey) - 1
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        what = "truncated gzip" if isinstance(error, EOFError) else "not a sound gzip file"
        raise FileRejectedError(f"{what}: {error}") from error
    return Inspection(file_id=file_id, size_bytes=size, records=records, header=header)


def csv_source(contract: Contract) -> Source:
    """How the dataset is delivered. Raises ContractError when that is not as CSV."""
    source = contract.source
    if source is None or source.format != "csv":
        raise ContractError(f"{contract.path}: source.format must be csv")
    return source


def matching_suffix(name: str, source: Source) -> str:
    """The suffix, such as `.csv.gz`, of the longest pattern that a file name matches."""
    fitting = [p for p in source.patterns if fnmatchcase(name.casefold(), p.casefold())]
    if not fitting:
        raise FileRejectedError(f"name is not {' or '.join(source.patterns)}")
    return max(fitting, key=len).lstrip("*")


def hash_file(path: Path) -> tuple[str, int]:
    """The sha256 and the size of a regular file."""
    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file, and nothing else: no link is followed, no pipe is waited for."""
    kind = path.lstat().st_mode
    if not stat.S_ISREG(kind):
        raise FileRejectedError("symbolic link" if stat.S_ISLNK(kind) else "not a regular file")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    return os.fdopen(descriptor, "rb")


@contextmanager
def _open_content(path: Path) -> Iterator[BinaryIO]:
    with open_regular(path) as stored:
        if path.name.casefold().endswith(".gz"):
            with gzip.GzipFile(fileobj=stored) as content:
                yield cast(BinaryIO, content)
        else:
            yield stored


@contextmanager
def _open_text(path: Path) -> Iterator[IO[str]]:
    # newline="\n": a carriage return must reach the csv module, and no other character ends a line
    with (
        _open_content(path) as content,
        io.TextIOWrapper(content, encoding="utf-8-sig", newline="\n") as text,
    ):
        yield text


def _survey(content: BinaryIO, *, stored: int) -> Survey:
    survey, carry, size = Survey(), b"", 0
    while block := content.read(BLOCK):
        if not size:
            _refuse_signature(block)
            block = block.removeprefix(codecs.BOM_UTF8)
        size += len(block)
        if size > BOMB_SIZE and size > BOMB_RATIO * stored:
            raise FileRejectedError(f"compressed more than {BOMB_RATIO}:1")
        _check_bytes(block, survey)
        carry = _survey_lines(carry, block, survey)
        if len(carry) > LONGEST_LINE:
            raise FileRejectedError(f"line {survey.lines + 1} is longer than {LONGEST_LINE} bytes")
    if survey.decoder.getstate()[0]:
        raise FileRejectedError(
            f"not UTF-8: the last character is cut off at line {survey.lines + 1}"
        )
    if carry:
        survey.lines += 1
        survey.longest_line = max(survey.longest_line, len(carry))
    return survey


def _refuse_signature(block: bytes) -> None:
    for signature, reason in SIGNATURES.items():
        if block.startswith(signature):
            raise FileRejectedError(reason)


def _check_bytes(block: bytes, survey: Survey) -> None:
    nul = block.find(b"\0")
    if nul >= 0:
        line = survey.lines + block.count(b"\n", 0, nul) + 1
        raise FileRejectedError(f"NUL byte at line {line}")
    pending = survey.decoder.getstate()[0]
    if block.isascii() and not pending:
        return
    try:
        survey.decoder.decode(block)
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line = survey.lines + before.count(b"\n") + 1
        raise FileRejectedError(
            f"not UTF-8: byte 0x{error.object[error.start]:02x} at line {line}"
        ) from error


def _survey_lines(carry: bytes, block: bytes, survey: Survey) -> bytes:
    """Take the complete lines into account and return the incomplete last one."""
    joined = carry + block
    lines = joined.split(b"\n")
    rest = lines.pop()
    survey.lines += len(lines)
    survey.newlines += len(lines)
    survey.blank_lines += lines.count(b"") + lines.count(b"\r")
    survey.longest_line = max(survey.longest_line, max(map(len, lines), default=0))
    survey.quoted = survey.quoted or b'"' in block
    if b"\r" in joined:
        survey.returns += block.count(b"\r")
        survey.return_newlines += joined.count(b"\r\n")
    return rest


def _read_header(text: IO[str], delimiter: str) -> list[str]:
    try:
        header = next(
            (row for row in csv.reader(text, delimiter=delimiter, strict=True) if row), None
        )
    except csv.Error as error:
        raise FileRejectedError(f"the header is not CSV: {error}") from error
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
        _refuse_structure(str(error), begins, reader.line_num)
    return records


def _keep_last(text: IO[str], last: list[str]) -> Iterator[str]:
    for line in text:
        last[0] = line
        yield line


def _line_end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _refuse_structure(error: str, begins: int, line: int) -> NoReturn:
    if error.startswith("unexpected end"):
        reason = f"unclosed quote in the record that begins at line {begins}"
    elif error.startswith("field larger"):
        reason = (
            f"field of more than {LONGEST_FIELD} characters in the record"
            f" that begins at line {begins}; is a quote not closed?"
        )
    elif error.startswith("new-line character"):
        reason = f"bare carriage return outside quotes at line {line}"
    else:
        reason = f"text after a closing quote at line {line}; the record begins at line {begins}"
    raise FileRejectedError(reason)

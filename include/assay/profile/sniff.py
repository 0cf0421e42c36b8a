"""How a sample file of CSV is written: its encoding, marks between and around fields, header."""

from __future__ import annotations

import codecs
import csv
import io
import re
import tempfile
from itertools import islice
from pathlib import Path

import duckdb

from assay.contracts.dialect import Dialect, Encoding
from assay.errors import SampleError
from assay.intake.survey import open_content
from assay.profile.given import Given

SNIFFED_BYTES = 1 << 20
BLOCK = 1 << 20
QUOTES = ('"', "'")
CONTROLS = re.compile(rb"[\x80-\x9f]")  # latin-1 has no character for these that a person types
NO_NAME = re.compile(r"\s*([+-]?[\d.,' ]+%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*)?\s*")


def sniff_dialect(path: Path, given: Given) -> Dialect:
    """The dialect of a file, but for what is given. Raises SampleError when it cannot be told."""
    encoding = given.encoding or sniff_encoding(path)
    head = _head(path, encoding)
    delimiter, quote = given.delimiter, given.quote
    if delimiter is None or quote is None:
        found = _sniff_marks(path, head)
        delimiter, quote = delimiter or found[0], quote or found[1]
    header = given.header
    if header is None:
        header = not has_values(first_records(head, delimiter, quote, 1)[0])
    return Dialect(delimiter, quote, encoding, header)


def sniff_encoding(path: Path) -> Encoding:
    """The encoding that takes every byte of a file, the strictest one first."""
    with open_content(path) as content:
        first = content.read(4)
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if _decodes(path, "utf-8"):
        return "utf-8-sig" if first.startswith(codecs.BOM_UTF8) else "utf-8"
    return "cp1252" if _decodes(path, "cp1252") else "latin-1"


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with open_content(path) as content:
        try:
            while block := content.read(BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def tells_cp1252(path: Path) -> bool:
    """Whether a file has a character that cp1252 and latin-1 read apart."""
    with open_content(path) as content:
        return any(CONTROLS.search(block) for block in iter(lambda: content.read(BLOCK), b""))


def _head(path: Path, encoding: str) -> str:
    """The first lines of a file, as text."""
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    with open_content(path) as content:
        data = content.read(SNIFFED_BYTES)
    text = data.decode(codec, "ignore").removeprefix("\ufeff")
    whole, line_end, _ = text.rpartition("\n")
    return whole + line_end if len(data) == SNIFFED_BYTES and whole else text


def _sniff_marks(path: Path, head: str) -> tuple[str, str]:
    """What DuckDB makes of the first lines: delimiter and quote."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8", newline="") as file:
        file.write(head)
        file.flush()
        try:
            with duckdb.connect() as database:
                found = database.execute(
                    "SELECT Delimiter, Quote FROM sniff_csv(?, strict_mode = false)", [file.name]
                ).fetchall()
        except duckdb.Error:
            found = []
    if not found:
        raise SampleError(f"{path}: no delimiter fits its records; say which one by --delimiter")
    ((delimiter, quote),) = found
    # DuckDB has a word, of several letters, for a mark that no record has.
    return (delimiter if len(delimiter) == 1 else ","), (quote if quote in QUOTES else '"')


def first_records(text: str, delimiter: str, quote: str, count: int) -> list[list[str]]:
    """The first records that are not blank; one empty record when there is none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    return [*islice(filter(None, reader), count)] or [[]]


def has_values(record: list[str]) -> bool:
    """Whether a first record holds values: a number, a date, or a field that has no text.

    A name that is given twice is no sign of values: it is refused where the header is checked.
    """
    return any(NO_NAME.fullmatch(field) for field in record)


def first_record(path: Path, dialect: Dialect) -> list[str]:
    """The fields of the first record of a file."""
    head = _head(path, dialect.encoding)
    return first_records(head, dialect.delimiter, dialect.quote, 1)[0]

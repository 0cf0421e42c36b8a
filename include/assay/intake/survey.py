"""One pass over the bytes of a delivered file: is it text, and how are its lines made?

What is no text in the encoding of the feed is refused: Spark would put other characters in its
place. A byte-order mark has to be that of the encoding, since Spark believes the mark.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from assay.contracts.dialect import Dialect
from assay.contracts.model import Contract
from assay.errors import FileRejectedError
from assay.intake.limits import refuse_above
from assay.intake.unpack import Unpacked

BLOCK = 1 << 20
LONGEST_LINE = {"csv": 8 << 20, "json": 64 << 20}
MOST_COLUMNS = 20_480  # the limit of Spark's reader; above it the whole job fails
BOMB_RATIO, BOMB_SIZE = 100, 64 << 20

MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    codecs.BOM_UTF8: "UTF-8",
}
SIGNATURES = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "gzip data; a compressed file is named *.gz",
    b"%PDF": "a PDF file",
    b"<": "HTML or XML",
    b"{": "JSON",
    b"[": "JSON",
}


@dataclass
class Survey:
    """Facts of the bytes, as UTF-8, that decide how the records are counted.

    `begun` is the length of a line whose end is in a later block.
    """

    encoding: str = "UTF-8"
    quote: bytes = b'"'
    lines: int = 0
    blank_lines: int = 0
    longest_line: int = 0
    returns: int = 0
    return_newlines: int = 0
    newlines: int = 0
    quoted: bool = False
    begun: int = 0
    ends_in_return: bool = False
    decoder: codecs.IncrementalDecoder = field(init=False)

    def __post_init__(self) -> None:
        """Decode strictly from the first byte to the last."""
        self.decoder = codecs.getincrementaldecoder(self.encoding)()

    @property
    def mixes_line_ends(self) -> bool:
        return self.returns > 0 and not self.returns == self.return_newlines == self.newlines

    @property
    def is_plain(self) -> bool:
        """Whether every line that is not blank is one record."""
        return not (self.quoted or self.mixes_line_ends or self.longest_line > MOST_COLUMNS)


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
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError as error:
        raise FileRejectedError("no permission to read it") from error
    return os.fdopen(descriptor, "rb")


@contextmanager
def open_content(path: Path) -> Iterator[BinaryIO]:
    """Open a file for its content, unpacked when its name ends in .gz."""
    with open_regular(path) as stored:
        if path.name.casefold().endswith(".gz"):
            yield cast(BinaryIO, io.BufferedReader(Unpacked(stored), BLOCK))
        else:
            yield stored


def survey_bytes(content: BinaryIO, contract: Contract, *, stored: int, kind: str) -> Survey:
    """Read everything once, in constant memory. Raises FileRejectedError for what is not text.

    `stored` is the size of the file; `kind` is the format that its name promises: csv or json.
    JSON is in UTF-8 whatever the CSV of the feed is in.
    """
    dialect = contract.dialect if kind == "csv" else Dialect()
    encoding = dialect.encoding.removesuffix("-sig").upper()
    survey, size = Survey(encoding, dialect.quote.encode()), 0
    while block := content.read(BLOCK):
        if not size:
            block = _without_mark(block, encoding)
            refuse_signature(block, kind)
        size += len(block)
        refuse_above(contract, "unpacked_bytes", size, "bytes of text", "deliver several files")
        if size > BOMB_SIZE and size > BOMB_RATIO * stored:
            raise FileRejectedError(f"compressed more than {BOMB_RATIO}:1")
        _survey_lines(_as_utf8(block, survey), survey)
        if survey.begun > (longest := LONGEST_LINE[kind]):
            raise FileRejectedError(f"line {survey.lines + 1} is longer than {longest} bytes")
    if survey.decoder.getstate()[0]:
        raise FileRejectedError(
            f"not {encoding}: the last character is cut off at line {survey.lines + 1}"
        )
    if survey.begun:
        survey.lines += 1
        survey.longest_line = max(survey.longest_line, survey.begun)
    return survey


def _without_mark(block: bytes, encoding: str) -> bytes:
    """The first block without the mark of UTF-8; that of UTF-16 is for its decoder."""
    mark = next((of for mark, of in MARKS.items() if block.startswith(mark)), "")
    if mark not in ("", encoding):
        raise FileRejectedError(f"not {encoding}: byte-order mark of {mark}")
    if encoding == "UTF-16" and not mark:
        raise FileRejectedError("not UTF-16: no byte-order mark, which says how its bytes are put")
    return block.removeprefix(codecs.BOM_UTF8)


def refuse_signature(block: bytes, kind: str) -> None:
    """Raise FileRejectedError when a file that begins so is taken for something else."""
    for signature, what in SIGNATURES.items():
        if block.startswith(signature) and what.lower() != kind:
            raise FileRejectedError(f"not {kind.upper()}: {what}")


def _as_utf8(block: bytes, survey: Survey) -> bytes:
    """The text of a block; a character of which a part is in the next block comes with that."""
    if survey.encoding != "UTF-8":
        block = _decode(block, survey).encode()
    nul = block.find(b"\0")
    if nul >= 0:
        line = survey.lines + block.count(b"\n", 0, nul) + 1
        raise FileRejectedError(f"NUL byte at line {line}")
    if survey.encoding == "UTF-8" and not (block.isascii() and not survey.decoder.getstate()[0]):
        _decode(block, survey)
    return block


def _decode(block: bytes, survey: Survey) -> str:
    try:
        return survey.decoder.decode(block)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(error.encoding, "replace")
        line = survey.lines + before.count("\n") + 1
        raise FileRejectedError(
            f"not {survey.encoding}: byte 0x{error.object[error.start]:02x} at line {line}"
        ) from error


def _survey_lines(block: bytes, survey: Survey) -> None:
    """Take the lines of a block into account; of one that goes on, only its length is kept."""
    lines = block.split(b"\n")
    rest = len(lines.pop())
    survey.lines += len(lines)
    survey.newlines += len(lines)
    survey.blank_lines += lines.count(b"") + lines.count(b"\r")
    survey.longest_line = max(survey.longest_line, max(map(len, lines), default=0))
    if lines and survey.begun:
        is_return = survey.begun == 1 and survey.ends_in_return
        survey.blank_lines -= lines[0] in (b"", b"\r")
        survey.blank_lines += is_return and not lines[0]
        survey.longest_line = max(survey.longest_line, survey.begun + len(lines[0]))
    survey.quoted = survey.quoted or survey.quote in block
    survey.return_newlines += survey.ends_in_return and block.startswith(b"\n")
    if b"\r" in block:
        survey.returns += block.count(b"\r")
        survey.return_newlines += block.count(b"\r\n")
    survey.ends_in_return = block.endswith(b"\r")
    survey.begun = rest if lines else survey.begun + rest

"""The body of a request: what it says it is, unpacked within limits, and text."""

from __future__ import annotations

import codecs
import io
import zlib
from enum import Enum

from assay.errors import RequestRefusedError
from assay.intake.unpack import Unpacked

BLOCK = 1 << 16


class Kind(Enum):
    """How records stand in a body."""

    JSON = "one JSON object, or an array of them"
    LINES = "one JSON object a line"
    CSV = "CSV with a header"


TYPES = {
    "application/json": Kind.JSON,
    "application/x-ndjson": Kind.LINES,
    "application/ndjson": Kind.LINES,
    "application/jsonl": Kind.LINES,
    "application/json-lines": Kind.LINES,
    "text/csv": Kind.CSV,
}
CHARSETS = ("utf-8", "utf8", "us-ascii")


def kind_of(content_type: str) -> Kind:
    """What the header Content-Type says. Raises RequestRefusedError (415) for all else."""
    name, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if name not in TYPES:
        raise RequestRefusedError(
            415, f"Content-Type {name!r} is none of {', '.join(TYPES)}; say what the body is"
        )
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "charset" and value.strip(' "') not in CHARSETS:
            raise RequestRefusedError(415, f"{parameter}: a body is in UTF-8")
    return TYPES[name]


def unpack(stored: bytes, encoding: str, most: int) -> bytes:
    """The body as it was before it was packed, of at most so many bytes.

    Raises RequestRefusedError: 415 for an encoding other than gzip, 413 when there is more, 400 for
    what is not sound.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return stored
    if encoding not in ("gzip", "x-gzip"):
        raise RequestRefusedError(415, f"Content-Encoding {encoding!r} is not gzip")
    unpacked, content = bytearray(), Unpacked(io.BytesIO(stored))
    try:
        while block := content.read(BLOCK):
            unpacked += block
            if len(unpacked) > most:
                raise RequestRefusedError(413, f"more than {most:,} bytes once it is unpacked")
    except (EOFError, zlib.error) as error:
        raise RequestRefusedError(400, f"the body is not sound gzip: {error}") from error
    return bytes(unpacked)


def require_text(body: bytes) -> bytes:
    """The body without a byte-order mark. Raises RequestRefusedError (400) for what is not text."""
    body = body.removeprefix(codecs.BOM_UTF8)
    if b"\0" in body:
        raise RequestRefusedError(400, f"NUL byte at byte {body.index(0) + 1} of the body")
    if not body.isascii():
        _require_utf8(body)
    return body


def _require_utf8(body: bytes) -> None:
    """As a whole, a text with one rare character takes four times its bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for begin in range(0, len(body), BLOCK):
        end = begin + BLOCK
        first = begin - len(decoder.getstate()[0])  # a character may stand in two blocks
        try:
            decoder.decode(body[begin:end], final=end >= len(body))
        except UnicodeDecodeError as error:
            at = first + error.start
            raise RequestRefusedError(
                400, f"not UTF-8: byte 0x{body[at]:02x} at byte {at + 1}"
            ) from error

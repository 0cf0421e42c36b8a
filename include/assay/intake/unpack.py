"""The content of gzip data, unpacked no less strictly than Spark does it."""

from __future__ import annotations

import io
import zlib
from typing import Any, BinaryIO

GZIP, MEMBER = zlib.MAX_WBITS | 16, b"\x1f\x8b"


class Unpacked(io.RawIOBase):
    """The content of gzip data: members one after the other, as Spark reads them.

    Python's own reader takes more than Spark's: zeros after a member, flags that do not exist.
    Raises EOFError and zlib.error.
    """

    def __init__(self, stored: BinaryIO) -> None:
        self.stored = stored
        self.packed = b""
        self.member = zlib.decompressobj(GZIP)

    def readable(self) -> bool:
        """This can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with the next content; 0 at its end."""
        content = b""
        while not content:
            self.packed = self.packed or self.stored.read(len(buffer))
            if self.member.eof:
                if not self.packed:
                    return 0
                if not MEMBER.startswith(self.packed[:2]):
                    raise zlib.error("bytes after its end that are none; pack it again")
                self.member = zlib.decompressobj(GZIP)
            content = self.member.decompress(self.packed, len(buffer))
            if not (content or self.packed or self.member.eof):
                raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            self.packed = self.member.unconsumed_tail or self.member.unused_data
        buffer[: len(content)] = content
        return len(content)

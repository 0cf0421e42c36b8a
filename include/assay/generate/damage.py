"""Files that cannot be taken: an unclosed quote, another encoding, a gzip that stops half-way."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass


def leave_quote_open(content: bytes) -> bytes:
    """Open a quote in the middle record that nothing closes: it would swallow the rest."""
    lines = content.decode().splitlines()
    middle = len(lines) // 2
    lines[middle] = ",".join([*lines[middle].split(",")[:-1], '"open'])
    return ("\n".join(lines) + "\n").encode()


def encode_latin1(content: bytes) -> bytes:
    """End every record but the first with a letter whose Latin-1 byte is no UTF-8."""
    first, *records = content.decode().splitlines()
    return "\n".join([first, *(f"{record}\u00eb" for record in records), ""]).encode("latin-1")


def cut_gzip(content: bytes) -> bytes:
    """The first half of a good gzip file."""
    return cut_half(gzip.compress(content, mtime=0))


def cut_half(content: bytes) -> bytes:
    """The first half: an array without its end, or Parquet without its footer."""
    return content[: len(content) // 2]


@dataclass(frozen=True)
class Damage:
    """A way to spoil the content of a good file of one of these forms."""

    forms: tuple[str, ...]
    spoil: Callable[[bytes], bytes]
    suffix: str = ""


DAMAGES = {
    "unclosed_quote": Damage(("csv",), leave_quote_open),
    "latin1": Damage(("csv", "jsonl"), encode_latin1),
    "truncated_gzip": Damage(("csv", "jsonl"), cut_gzip, ".gz"),
    "unclosed_array": Damage(("array",), cut_half),
    "truncated_parquet": Damage(("parquet",), cut_half),
}

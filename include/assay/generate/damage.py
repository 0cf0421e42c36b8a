"""Files that cannot be taken: an unclosed quote, another encoding, a gzip that stops half-way."""

from __future__ import annotations

import gzip
from collections.abc import Callable


def leave_quote_open(text: str) -> bytes:
    """Open a quote in the middle record that nothing closes: it would swallow the rest."""
    lines = text.splitlines()
    middle = len(lines) // 2
    lines[middle] = ",".join([*lines[middle].split(",")[:-1], '"open'])
    return ("\n".join(lines) + "\n").encode()


def encode_latin1(text: str) -> bytes:
    """End every record with a letter whose Latin-1 byte is no UTF-8."""
    header, *records = text.splitlines()
    return "\n".join([header, *(f"{record}\u00eb" for record in records), ""]).encode("latin-1")


def cut_gzip(text: str) -> bytes:
    """The first half of a good gzip file."""
    whole = gzip.compress(text.encode(), mtime=0)
    return whole[: len(whole) // 2]


DAMAGES: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "unclosed_quote": (".csv", leave_quote_open),
    "latin1": (".csv", encode_latin1),
    "truncated_gzip": (".csv.gz", cut_gzip),
}

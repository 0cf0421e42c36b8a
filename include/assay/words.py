"""Words for people: a number with its noun, and text that stays on one line."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]  # tells whoever waits at a terminal how far something is

SPANS = (("d", 86400), ("h", 3600), ("min", 60))  # with the seconds of each


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`, `1,000 batches`; what follows the noun agrees with both."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Of a noun that forms it by rule: `files`, `batches`."""
    return f"{noun}es" if noun.endswith(("ch", "sh", "s", "x")) else f"{noun}s"


def span(seconds: float | None) -> str:
    """A stretch of time in one unit, such as `0.4 s`, `3 min` or `-2 d`; empty for None."""
    if seconds is None:
        return ""
    for unit, length in SPANS:
        if abs(seconds) >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.1f} s"


def on_one_line(text: object, longest: int | None = None) -> str:
    """The text without line breaks; what is longer than `longest` characters ends in `…`."""
    line = " ".join(str(text).split())
    if longest is not None and len(line) > longest:
        return f"{line[: longest - 1].rstrip()}…"
    return line

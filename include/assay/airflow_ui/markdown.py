"""Markdown: tables of the generated pages, and text of others that must show as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

# What could begin a link, an image, HTML, emphasis, code or an entity; an underscore within a
# word is none.
SPECIAL = re.compile(
    r"""[\[\]<>`*~|]
      | \\(?=[!-/:-@\[-`{-~])
      | &(?=[#\w])
      | (?<![^\W_])_ | _(?![^\W_])
    """,
    re.VERBOSE,
)
# A heading, a list or a rule, at the begin of a line.
BEGINS_BLOCK = re.compile(r"[#+=-]|(?<=\d)[.)]")
# Airflow's page makes a link of these, even when they are escaped; of code it makes none.
LINKED = re.compile(r"://|www\.|@", re.IGNORECASE)


def escape_markdown(text: str) -> str:
    """The text as Markdown that shows it in one line, as it is, without any markup of its own."""
    words = [_code(word) if LINKED.search(word) else _plain(word) for word in text.split()]
    if words and not LINKED.search(words[0]) and re.match(r"[#+=-]|\d+[.)]", words[0]):
        words[0] = BEGINS_BLOCK.sub(r"\\\g<0>", words[0], count=1)
    return " ".join(words)


def _plain(word: str) -> str:
    return SPECIAL.sub(r"\\\g<0>", word)


def _code(word: str) -> str:
    """A code span; its fence is longer than any run of backticks within."""
    fence = "`" * (1 + max(map(len, re.findall("`+", word)), default=0))
    pad = " " if word.startswith("`") or word.endswith("`") else ""
    return f"{fence}{pad}{word}{pad}{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table by lines, with an empty one after it. Cells are Markdown; a `|` in them is shown."""
    yield table_row(head)
    yield table_row(["---"] * len(head))
    yield from map(table_row, rows)
    yield ""


def table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

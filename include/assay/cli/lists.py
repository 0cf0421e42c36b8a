"""Lists for people: one line a row, which fits the terminal.

What is no terminal gets every cell whole, for programs that read lines.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console

GAP = "  "
NARROWEST = 8  # of a text that is cut
Wide = Annotated[bool, typer.Option("--wide", help="All columns, with whole ids; nothing is cut.")]


@dataclass(frozen=True)
class Column:
    """Numbers stand on the right. Only a `text` may be cut; ids and numbers are always whole."""

    title: str
    kind: str = "text"


def number(title: str) -> Column:
    return Column(title, "number")


def whole(title: str) -> Column:
    return Column(title, "id")


def print_list(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], *, wide: bool = False
) -> None:
    """Print a heading and a line for each row; numbers get thousands marks, None is empty."""
    width = None if wide or not sys.stdout.isatty() else Console().width
    head, *lines = lay_out(columns, rows, width)
    typer.secho(head, bold=True)  # plain where it is not shown on a terminal
    for line in lines:
        typer.echo(line)


def lay_out(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], width: int | None
) -> list[str]:
    """The heading and the rows as lines of `width` at most, as far as whole columns allow it.

    The widest text gives way first; what is cut ends in `…`. Without a width nothing is cut.
    """
    cells = [[column.title for column in columns], *([_cell(value) for value in r] for r in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    if width is not None:
        _shrink(widths, columns, width)
    return [GAP.join(_aligned(columns, row, widths)).rstrip() for row in cells]


def _shrink(widths: list[int], columns: Sequence[Column], width: int) -> None:
    texts = [place for place, column in enumerate(columns) if column.kind == "text"]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        widest = max(texts, key=lambda place: widths[place], default=None)
        if widest is None or widths[widest] <= NARROWEST:
            return
        widths[widest] -= 1


def _aligned(columns: Sequence[Column], row: Sequence[str], widths: list[int]) -> Iterator[str]:
    for column, text, width in zip(columns, row, widths, strict=True):
        room = " " * (width - cell_len(text))
        if column.kind == "number":
            yield room + text
        elif cell_len(text) > width:
            yield set_cell_size(text, width - 1) + "…"
        else:
            yield text + room


def _cell(value: object) -> str:
    """On one line, and without characters that would do something to a terminal."""
    if value is None:
        return ""
    text = f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in text)

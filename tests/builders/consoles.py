"""What a document has one type, and what it says that the screen shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROMPT = "$ "
LEFT_OUT = "\u2026"
FRAMES = re.compile(r"[\u2500-\u257f]")


@dataclass(frozen=True)
class Typed:
    """One command, and the lines that are shown below it."""

    command: str
    shown: tuple[str, ...]

    def lacking(self, output: str) -> list[str]:
        """The lines that an output does not have in this order, whatever stands between."""
        lines = iter([_plain(line) for line in output.splitlines()])
        return [line for line in self.shown if line != LEFT_OUT and _plain(line) not in lines]


def typed_commands(page: Path) -> Iterator[Typed]:
    """Every command of the blocks `console` of a document."""
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for part in block.split(f"\n{PROMPT}"):
            command, *shown = part.removeprefix(PROMPT).rstrip("\n").split("\n")
            yield Typed(command, tuple(line for line in shown if line.strip()))


def _plain(line: str) -> str:
    """A line without the frames of a table and the width of its columns."""
    return " ".join(FRAMES.sub(" ", line).split())

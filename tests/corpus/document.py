"""Writes the tables of docs/bad-input.md from the corpus: `python tests/corpus/document.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from corpus import stocks, trades
from corpus.trades import Case

GROUPS = trades.GROUPS | stocks.GROUPS
PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"


def document() -> str:
    """The whole page: its written part as it is, and the tables of the corpus after it."""
    written = PAGE.read_text().partition(f"## {next(iter(GROUPS))}\n")[0]
    return written + "\n".join(_tables())


def _tables() -> Iterator[str]:
    for title, cases in GROUPS.items():
        yield f"## {title}\n"
        yield "| Input | Verdict | Records | Quarantined | Reason text |"
        yield "|---|---|---|---|---|"
        yield from map(_line, cases())
        yield ""


def _line(case: Case) -> str:
    quarantined = ", ".join(f"{count} `{name}`" for name, count in case.quarantined.items())
    cells = [
        case.name.replace("_", " "),
        case.verdict,
        str(case.records) if case.verdict == "accepted" else "",
        quarantined,
        case.reason.replace("|", "\\|"),
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(document())

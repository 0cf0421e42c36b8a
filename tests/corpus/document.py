"""Writes the tables of docs/bad-input.md from the corpus: `python tests/corpus/document.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from corpus import stocks, trades
from corpus.case import Case
from corpus.json_files import JsonCases
from corpus.listing import SHOWN
from corpus.parquet_files import ParquetCases
from corpus.values import as_csv, value_cases

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"


PARQUET = ParquetCases(SHOWN)
GROUPS: dict[str, Callable[[], list[Case]]] = {
    **trades.GROUPS,
    **stocks.GROUPS,
    "JSON: names": JsonCases("stocks").names,
    "JSON: arrays": JsonCases("stocks").arrays,
    f"Values of {SHOWN}": lambda: [*value_cases(SHOWN, "csv", as_csv)],
    "Parquet: files": lambda: [*PARQUET.structure(), *PARQUET.refused()],
    "Parquet: types": lambda: [*PARQUET.types(), *PARQUET.wrong_types()],
}


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
        _title(case),
        case.verdict,
        str(case.records) if case.verdict == "accepted" else "",
        quarantined,
        case.reason.replace("|", "\\|"),
    ]
    return f"| {' | '.join(cells)} |"


def _title(case: Case) -> str:
    """What the input is; the title of its table names the format."""
    name = case.name
    for prefix in ("parquet_", "csv_", "jsonl_"):
        if case.dataset == SHOWN or prefix == "jsonl_":
            name = name.removeprefix(prefix)
    return name.replace("_", " ")


if __name__ == "__main__":
    PAGE.write_text(document())

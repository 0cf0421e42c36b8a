"""Two tables of DuckDB compared as multisets of rows, and the rows by which they differ."""

from __future__ import annotations

from collections.abc import Sequence

from assay.verify.evidence import Evidence
from assay.verify.report import Check
from assay.words import count

SHOWN = 5


def fingerprint(evidence: Evidence, source: str) -> tuple[int, int]:
    """Rows, and the sum of their hashes: equal for equal multisets, in any order."""
    query = f"SELECT count(*), coalesce(sum(hash(*COLUMNS(*))::hugeint), 0) FROM {source}"
    rows, total = evidence.ask(query)[0]
    return rows, int(total)


def compare_rows(
    evidence: Evidence,
    check: Check,
    what: str,
    *,
    expected: str,
    found: str,
    columns: str,
    keys: Sequence[str],
) -> None:
    """Report the keys of rows that only one of two relations has, and how many there are.

    Only when their fingerprints differ: of millions of rows, differences take far longer.
    """
    expected, found = (f"(SELECT {columns} FROM {side})" for side in (expected, found))
    if fingerprint(evidence, expected) == fingerprint(evidence, found):
        return
    only = {
        "missing": f"{expected} EXCEPT ALL {found}",
        "beyond": f"{found} EXCEPT ALL {expected}",
    }
    key = ", ".join(f'"{name}"' for name in keys)
    for kind, difference in only.items():
        rows = evidence.ask_one(f"SELECT count(*) FROM ({difference})")
        if rows:
            some = evidence.ask(f"SELECT {key} FROM ({difference}) LIMIT {SHOWN}")
            names = "; ".join(", ".join(map(str, row)) for row in some)
            told = "not there" if kind == "missing" else "more"
            told = f"{count(rows, 'row')} {told}: {names}"
            check.broken(what, "the same rows", told)

"""The names of the files that the gateway leaves in landing, by the patterns of the contract.

They are packed: the head of a gzip file has room for its own name, so no two files are ever of the
same bytes, and two deliveries of the same records are two deliveries.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from assay.contracts.delivery import Source
from assay.contracts.model import Contract
from assay.errors import FileRejectedError
from assay.intake.records import FORMATS, matching_suffix

LETTERS = "abcdefghijklmnop"  # for hexadecimal digits, in which somebody could find a day
CSV, JSON = "csv", "json"
LINES = (".jsonl.gz", ".ndjson.gz", ".json.gz")


def pattern_for(contract: Contract, kind: str) -> str:
    """The first pattern that packed files of a kind, csv or json, can be named by; else empty."""
    source = contract.source
    return next((p for p in _packed(source) if _kind_of(p) == kind and _is_usable(p, contract)), "")


def name_by(pattern: str) -> str:
    """A name that was never given before. The day in it is that of arrival, in UTC.

    It comes after those before it, so that acceptance has files in the order of their requests.
    """
    now = datetime.now(UTC)
    unique = f"{int(now.timestamp() * 1_000_000):014x}{secrets.token_hex(6)}"
    letters = "".join(LETTERS[int(digit, 16)] for digit in unique)
    return _fill(pattern, f"gateway-{now:%Y-%m-%d}-{letters}")


def _packed(source: Source | None) -> Sequence[str]:
    """Patterns of packed files with a star and nothing else that stands for other characters."""
    patterns = source.patterns if source else ()
    return [p for p in patterns if p.endswith(".gz") and "*" in p and not {*p} & {*"?["}]


def _kind_of(pattern: str) -> str:
    if pattern.endswith(LINES):
        return JSON
    return FORMATS.get(f".{pattern.removesuffix('.gz').rpartition('.')[2]}", "")


def _is_usable(pattern: str, contract: Contract) -> bool:
    """Whether a file of such a name is taken for one of its own kind."""
    name = _fill(pattern, "gateway-2026-01-31-a")
    try:
        suffix = matching_suffix(name, contract)
    except FileRejectedError:
        return False
    return not name.startswith((".", "_", "patch-")) and pattern.endswith(suffix)


def _fill(pattern: str, name: str) -> str:
    return pattern.replace("*", name, 1).replace("*", "")

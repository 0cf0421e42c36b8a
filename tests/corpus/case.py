"""One file of the corpus of bad input, with the verdict that is expected of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Case:
    """One file. `quarantined` counts records by reason; a record with two reasons counts twice."""

    name: str
    content: bytes
    verdict: Literal["accepted", "rejected"] = "accepted"
    reason: str = ""
    records: int = 0
    good: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    file_name: str = ""
    dataset: str = "trades"

    @property
    def delivered_as(self) -> str:
        return self.file_name or f"{self.name}.csv"


def accepted(
    name: str,
    content: bytes,
    *,
    records: int,
    bad: dict[str, int] | None = None,
    bad_records: int | None = None,
    file_name: str = "",
    dataset: str = "trades",
) -> Case:
    """An accepted file; without `bad_records`, each bad record has one reason."""
    bad = bad or {}
    spoilt = sum(bad.values()) if bad_records is None else bad_records
    return Case(name, content, "accepted", "", records, records - spoilt, bad, file_name, dataset)


def rejected(
    name: str, content: bytes, reason: str, file_name: str = "", dataset: str = "trades"
) -> Case:
    return Case(name, content, "rejected", reason, file_name=file_name, dataset=dataset)

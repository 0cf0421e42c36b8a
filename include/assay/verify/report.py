"""What an audit says: for each invariant what was compared, and every way in which it is broken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

TITLES = {
    "I1": "conservation",
    "I2": "no row twice",
    "I3": "key and version",
    "I4": "gold is silver",
    "I5": "Postgres is Delta",
    "I6": "nothing of an unfinished batch",
    "I7": "idempotence",
    "I9": "fencing",
    "I10": "every file in one place",
    "I11": "gates",
    "I12": "readability",
    "I13": "log integrity",
}


@dataclass(frozen=True)
class Violation:
    """One broken statement, where, and both of its sides."""

    invariant: str
    what: str
    expected: str
    found: str
    batch: str = ""
    file: str = ""

    def __str__(self) -> str:
        where = [f"batch {self.batch}" if self.batch else "", f"file {self.file!r}"]
        places = ", ".join(part for part in (where if self.file else where[:1]) if part)
        prefix = f"{places}: " if places else ""
        return f"{prefix}{self.what}: expected {self.expected}, found {self.found}"


@dataclass
class Check:
    """The audit of one invariant, filled in as its statements are compared."""

    invariant: str
    compared: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def saw(self, what: str, number: int = 1) -> None:
        """Count something that was compared, for the line of the report."""
        self.compared[what] += number

    def equal(
        self, what: str, expected: Any, found: Any, *, batch: str = "", file: str = ""
    ) -> None:
        """Compare two values."""
        if expected != found:
            self.broken(what, expected, found, batch=batch, file=file)

    def broken(
        self, what: str, expected: Any, found: Any, *, batch: str = "", file: str = ""
    ) -> None:
        """Record a violation."""
        sides = str(expected), str(found)
        self.violations.append(Violation(self.invariant, what, *sides, batch, file))

    @property
    def holds(self) -> bool:
        return not self.violations

    def line(self) -> str:
        """One line for a person."""
        seen = ", ".join(f"{count:,} {what}" for what, count in self.compared.items() if count)
        verdict = "holds" if self.holds else f"BROKEN {len(self.violations):,} times"
        return (
            f"{self.invariant:<4} {TITLES[self.invariant]:<31} {verdict}: {seen or 'nothing yet'}"
        )

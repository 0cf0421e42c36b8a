"""What an audit says: for each invariant what was compared, and every way in which it is broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from adbc_driver_manager import Error as CopyError
from deltalake.exceptions import DeltaError

from assay.errors import ContractError

# What a check may meet in evidence that was spoilt; each is a finding, and no end of the audit.
UNREADABLE: tuple[type[Exception], ...] = (
    DeltaError,
    OSError,
    duckdb.Error,
    psycopg.Error,
    CopyError,
    pa.ArrowException,
    ContractError,
    LookupError,
    TypeError,
    ValueError,
)
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
    "I14": "every slice once",
    "I15": "offsets without a gap",
    "I16": "receipts kept",
}

Place = tuple[str, str, str]


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
    unread: list[str] = field(default_factory=list)

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

    @contextmanager
    def reading(self, what: str, *, file: str = "") -> Iterator[None]:
        """Go on after something that cannot be read; the invariant is then not judged in full."""
        try:
            yield
        except UNREADABLE as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            self.broken(what, "can be read", first, file=file)
            self.unread.append(file or what)

    @property
    def places(self) -> set[Place]:
        """Statement, batch and file of each violation, without the sides that were compared."""
        return {(found.what, found.batch, found.file) for found in self.violations}

    @property
    def holds(self) -> bool:
        return not self.violations

    def line(self) -> str:
        """One line for a person."""
        seen = ", ".join(f"{count:,} {what}" for what, count in self.compared.items() if count)
        others = len(self.violations) - len(self.unread)
        found = [f"BROKEN {others:,} times"] if others else []
        found += [f"NOT JUDGED on {len(self.unread):,} that cannot be read"] if self.unread else []
        verdict = ", ".join(found) or "holds"
        return (
            f"{self.invariant:<4} {TITLES[self.invariant]:<31} {verdict}: {seen or 'nothing yet'}"
        )

"""What a quality gate found of one expectation, and whether a person let it pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from assay.contracts.model import Contract, Expectation, Severity


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate asked (up to `severity`), what it found, and what was decided.

    `failing` holds a few of the failing records, without the values of sensitive columns.
    `subject` is the epoch and digest of the build that was judged; None before this was recorded.
    """

    table_name: str
    expectation: str
    frame: str
    type: str
    kwargs: Mapping[str, object]
    severity: Severity
    success: bool
    observed: str | None = None
    unexpected_count: int | None = None
    failing: list[dict[str, Any]] = field(default_factory=list)
    subject: str | None = None
    overridden: bool = False
    overridden_by: str | None = None
    override_reason: str | None = None

    @classmethod
    def on(cls, contract: Contract, asked: Expectation, *, success: bool, **found: Any) -> Self:
        """The verdict on an expectation of a contract."""
        return cls(
            table_name=contract.table,
            expectation=asked.name,
            frame=asked.frame,
            type=asked.type,
            kwargs=asked.kwargs,
            severity=asked.severity,
            success=success,
            **found,
        )


@dataclass(frozen=True, kw_only=True)
class RecordedVerdict(Verdict):
    """A verdict in the books: at which gate, and when."""

    layer: str
    checked_at: datetime

"""What the doctor says of one thing that it has looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and the remedy when that is not enough."""

    subject: str
    found: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        return not self.remedy

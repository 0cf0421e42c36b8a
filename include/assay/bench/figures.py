"""Figures of the bench: ratios of medians with their goals, and the tables beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Ratio:
    """One figure: `ours` against `theirs`, each measured once per round.

    `speed` is how many times faster ours is, which shall be at least the goal; `cost` is ours as
    a share of theirs, which shall be at most the goal. Without a goal it only informs.
    """

    name: str
    ours: Sequence[float]
    theirs: Sequence[float]
    goal: float | None = None
    kind: Literal["cost", "speed"] = "cost"
    unit: str = "s"

    @property
    def value(self) -> float:
        """The ratio of the medians."""
        return self._compare(median(self.ours), median(self.theirs))

    @property
    def spread(self) -> tuple[float, float]:
        """Least and largest ratio of one round; of all pairs when the rounds do not match."""
        paired = len(self.ours) == len(self.theirs)
        pairs = (
            zip(self.ours, self.theirs, strict=True)
            if paired
            else ((one, other) for one in self.ours for other in self.theirs)
        )
        ratios = [self._compare(one, other) for one, other in pairs]
        return min(ratios), max(ratios)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None when there is none."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.kind == "cost" else self.value >= self.goal

    def _compare(self, ours: float, theirs: float) -> float:
        return ours / theirs if self.kind == "cost" else theirs / ours

    def as_row(self) -> list[str]:
        """For the table: name, ratio, range, goal, verdict, and the medians beside them."""
        least, largest = self.spread
        sign = "<=" if self.kind == "cost" else ">="
        rounds = max(len(self.ours), len(self.theirs))
        return [
            self.name,
            f"{self.value:.2f}x",
            f"{least:.2f} to {largest:.2f}" if rounds > 1 else "one round",
            "" if self.goal is None else f"{sign} {self.goal:g}x",
            {True: "met", False: "missed", None: ""}[self.met],
            f"{median(self.ours):.1f} {self.unit}",
            f"{median(self.theirs):.1f} {self.unit}",
        ]

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "ratio": round(self.value, 3),
            "spread": [round(value, 3) for value in self.spread],
            "kind": self.kind,
            "goal": self.goal,
            "met": self.met,
            "unit": self.unit,
            "ours": [round(value, 2) for value in self.ours],
            "theirs": [round(value, 2) for value in self.theirs],
        }


RATIO_COLUMNS = ("figure", "ratio", "spread", "goal", "", "ours", "theirs")


@dataclass(frozen=True)
class Breakdown:
    """A table of seconds that stands beside a ratio."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class PartResult:
    """What one part has found; `trouble` says why it could not run."""

    part: str
    ratios: Sequence[Ratio] = ()
    breakdowns: Sequence[Breakdown] = ()
    notes: Sequence[str] = field(default_factory=list)
    trouble: str = ""

    def as_json(self) -> dict[str, object]:
        return {
            "part": self.part,
            "ratios": [ratio.as_json() for ratio in self.ratios],
            "breakdowns": [
                {"title": b.title, "columns": [*b.columns], "rows": [[*row] for row in b.rows]}
                for b in self.breakdowns
            ],
            "notes": [*self.notes],
            "trouble": self.trouble,
        }


def scale_loop(seconds: Sequence[float], files: int) -> float:
    """Seconds of a loop over `files` files, of which the first were measured one by one.

    The rest is taken at the pace of the last half of those measured, when the JVM was warm.
    """
    warm = seconds[len(seconds) // 2 :]
    return sum(seconds) + (files - len(seconds)) * sum(warm) / len(warm)

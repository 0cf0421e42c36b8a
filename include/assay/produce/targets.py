"""Where events go: what every target does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from assay.produce.events import Piece

STAMP = "produced_at"


class Target(Protocol):
    """Takes events; `delivered` names those of which it is certain, by position."""

    interval: float  # seconds between two hand-overs
    as_json: bool  # whether it takes JSON only

    def send(self, events: Piece, made_us: int) -> None:
        """Hand over events that are made now (microseconds since the epoch).

        Raises the AssayError that names the target when it does not answer.
        """
        ...

    def finish(self) -> None:
        """Wait until every event is delivered. Raises as `send` does."""
        ...

    def delivered(self) -> Iterator[tuple[int, int]]:
        """First and last position of events that are there for certain."""
        ...


class Delivered:
    """Positions, each told once and in any order, as ranges that are as long as they can be.

    Several partitions are acknowledged in turn, so what is kept is what is missing between them,
    and not every event.
    """

    def __init__(self) -> None:
        self.last_of: dict[int, int] = {}  # of a range, by its first position
        self.first_of: dict[int, int] = {}

    def add(self, first: int, last: int) -> None:
        """Take positions, which join the ranges that they touch."""
        if first - 1 in self.first_of:
            first = self.first_of.pop(first - 1)
        if last + 1 in self.last_of:
            last = self.last_of.pop(last + 1)
        self.last_of[first], self.first_of[last] = last, first

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """First and last position of each, in order."""
        return sorted(self.last_of.items())


def time_text(made_us: int) -> str:
    """A time in ISO 8601, UTC, with microseconds."""
    return datetime.fromtimestamp(made_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stamped(events: Piece, made_us: int) -> list[str]:
    """The lines with the time of their making in a column that no contract knows."""
    text = time_text(made_us)
    if events.layout.form == "csv":
        header = events.layout.header
        return [f"{line},{STAMP if line == header else text}" for line in events.lines]
    opening = f'{{"{STAMP}":{json.dumps(text)},'
    return [line.replace("{", opening, 1) if line[:1] == "{" else line for line in events.lines]

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
    """Positions, which mostly come in order, as ranges."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def add(self, first: int, last: int) -> None:
        if self.ranges and self.ranges[-1][1] + 1 == first:
            first = self.ranges.pop()[0]
        self.ranges.append((first, last))


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

"""How long events take from their making until readers can see them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from assay.contracts.model import Contract
from assay.ledger.stream_slices import recorded_times
from assay.serving.live import live_table

# Of events that a release has taken meanwhile, the row is in the served table.
SEEN = """
    SELECT concat_ws('|', {keys}) AS id, slice_id
    FROM (
        SELECT {names}, slice_id FROM {live} UNION ALL SELECT {names}, slice_id FROM {served}
    ) AS event
    WHERE slice_id = ANY(%s)
"""
GOOD = ("new", "updated", "duplicate", "superseded")


@dataclass(frozen=True)
class Latency:
    """Seconds of the events that were seen; `expected` are those with a good record.

    `until` is the moment when the last of them was seen, in seconds since 1970.
    """

    expected: int
    seconds: Sequence[float]  # sorted
    until: float = 0.0

    @property
    def seen(self) -> int:
        return len(self.seconds)

    def percentile(self, share: float) -> float:
        """The seconds within which this share of the seen events came; nan when none did."""
        if not self.seconds:
            return float("nan")
        return self.seconds[min(int(share * self.seen), self.seen - 1)]


def measure_latency(
    connection: psycopg.Connection[Any], silver: Contract, truth: Path, *, after: int = 0
) -> Latency:
    """Of the events of a run of `assay produce`, from the one at position `after` on.

    An event that was sent more than once counts once, from its first making. It is seen when the
    transaction that shows it recorded its slice, which is its last act before it ends.
    """
    made: dict[str, float] = {}
    for event in _read(truth):
        if event["class"] in GOOD and event["position"] >= after:
            made.setdefault(event["id"], _moment(event["produced_at"]))
    recorded = recorded_times(connection, silver.name)
    seen: dict[str, float] = {}
    for name, slice_id in _fetch(connection, silver, [*recorded]):
        moment = recorded[slice_id].timestamp()
        seen[name] = min(moment, seen.get(name, moment))
    took = sorted(seen[name] - moment for name, moment in made.items() if name in seen)
    until = max((seen[name] for name in made if name in seen), default=0.0)
    return Latency(len(made), took, until)


def _read(truth: Path) -> Iterator[dict[str, Any]]:
    with truth.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _fetch(
    connection: psycopg.Connection[Any], silver: Contract, slices: Sequence[str]
) -> list[tuple[str, str]]:
    """The ids of events, as the truth file spells them, and the slices that have them."""
    kinds = {column.name: column.type for column in silver.columns}
    keys = [
        sql.SQL("(extract(epoch FROM {}) * 1000000)::bigint").format(sql.Identifier(key))
        if kinds[key] == "timestamp"
        else sql.Identifier(key)
        for key in silver.keys
    ]
    query = sql.SQL(SEEN).format(
        keys=sql.SQL(", ").join(keys),
        names=sql.SQL(", ").join(map(sql.Identifier, silver.keys)),
        live=sql.Identifier(*live_table(silver).split(".")),
        served=sql.Identifier(*silver.serving.split(".")),
    )
    with connection.transaction():
        return connection.execute(query, [slices]).fetchall()

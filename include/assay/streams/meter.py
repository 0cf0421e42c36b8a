"""How quick a stream is: what the micro-batches of the last minute took, and their records."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from assay.ledger.stream_signs import Measured

WINDOW = 60.0  # seconds
STEP = 0.01  # seconds to which delays are told
Part = Literal["read", "judge", "record"]
PARTS: tuple[Part, ...] = ("read", "judge", "record")
SHARES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Shown:
    """A micro-batch that readers see; `delays` counts its records by steps since they arrived."""

    at: float
    records: int
    delays: Mapping[int, int]
    parts: Mapping[Part, float]


@dataclass
class Meter:
    """Of one stream. A thread shows micro-batches, another one asks."""

    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _shown: deque[Shown] = field(default_factory=deque)
    _parts: dict[Part, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._began = self.clock()

    @contextmanager
    def part(self, part: Part) -> Iterator[None]:
        """Count the seconds of a block as those of a part of the micro-batch under way."""
        began = self.clock()
        try:
            yield
        finally:
            self._parts[part] = self._parts.get(part, 0.0) + self.clock() - began

    def shown(self, records: int, delays: Mapping[float, int]) -> None:
        """The micro-batch under way is visible: so many records, by their seconds since arrival."""
        steps: Counter[int] = Counter()
        for seconds, count in delays.items():
            steps[round(max(0.0, seconds) / STEP)] += count
        with self._lock:
            self._shown.append(Shown(self.clock(), records, steps, dict(self._parts)))
        self._parts.clear()

    def measured(self) -> Measured | None:
        """What the last minute was like; None when nothing came."""
        now = self.clock()
        begin = now - WINDOW
        with self._lock:
            while self._shown and self._shown[0].at < begin:
                self._shown.popleft()
            last = list(self._shown)
        if not last:
            return None
        delays = sum((Counter(each.delays) for each in last), Counter[int]())
        p50, p95, p99 = (_percentile(delays, share) for share in SHARES)
        seconds = {
            part: round(sum(each.parts.get(part, 0.0) for each in last) / len(last), 3)
            for part in PARTS
        }
        records = sum(each.records for each in last)
        seconds_told = min(WINDOW, max(1.0, now - self._began))
        return Measured(round(records / seconds_told, 1), p50, p95, p99, len(last), **seconds)


def _percentile(delays: Counter[int], share: float) -> float | None:
    rest = share * delays.total()
    for step, count in sorted(delays.items()):
        rest -= count
        if rest <= 0:
            return round(step * STEP, 2)
    return None

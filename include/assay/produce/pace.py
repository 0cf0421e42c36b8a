"""A steady pace: how many events are due by now, and when to look again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

SHORTEST = 0.001  # seconds


@dataclass
class Pace:
    """So many events a second, in so many all told, handed over every `interval` seconds.

    What a slow target has held up is due at once, and no event before its time.
    """

    rate: int
    total: int
    interval: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    started: float = field(init=False)
    most_behind: float = field(default=0.0, init=False)
    turn: int = field(default=0, init=False)  # intervals that had passed at the last hand-over

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Count from now on."""
        self.started = self.clock()

    def due(self) -> int:
        """Events that should have been handed over by now, from the beginning."""
        return min(self.total, int((self.clock() - self.started) * self.rate))

    def wait(self, done: int) -> int:
        """Sleep until more than `done` events are due; returns how many are due then.

        What became due while the last ones were handed over waits for the next interval.
        """
        while True:
            due, passed = self.due(), self.clock() - self.started
            turn, whole = int(passed / self.interval), self.rate * self.interval
            if due > done and (turn > self.turn or due - done >= whole):
                break
            # What is left of an interval may be less than a clock can tell.
            self.sleep(max(SHORTEST, self.interval - passed % self.interval))
        self.turn = turn
        self.most_behind = max(self.most_behind, passed - self.interval - (done + 1) / self.rate)
        return due

"""A micro-batch until it is recorded: outages are waited out, and poison is parked.

What fails three times for a cause of its own is taken apart by halves, each of which is tried and
taken back, until the slices are known that fail alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from assay.batch.slices import Slice
from assay.errors import FencedError
from assay.events.event import Oddity
from assay.events.sinks import emit
from assay.ledger.streams import beat
from assay.streams.meter import Meter
from assay.streams.outage import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Books,
    StoppedError,
    is_outage,
    told,
    wait,
)
from assay.streams.sink import MicroBatch, Sink
from assay.words import count

TRIES = 3
MOST_RECORDS = 200_000  # of one slice: it is in memory as a whole
Judge = Callable[[Sequence[Slice]], pa.Table]
# A micro-batch in parts that can be parked on their own; its only part when it cannot be cut.
Cut = Callable[[MicroBatch, "Fails"], tuple[MicroBatch, dict[str, str]]]
Fails = Callable[[Sequence[Slice]], str]


@dataclass(frozen=True)
class Recorder:
    """Brings micro-batches of one stream into Postgres, each exactly once.

    `judge` gives the judged records of slices. `cut` finds what of a micro-batch is poison: it
    returns the micro-batch in slices, and why which of them are parked.
    """

    sink: Sink
    books: Books
    judge: Judge
    cut: Cut
    is_stopping: Callable[[], bool]
    meter: Meter = field(default_factory=Meter)

    def record(self, batch: MicroBatch) -> int:
        """Returns how many records became visible.

        Raises FencedError when a newer holder has the stream, and StoppedError when it is to stop
        during an outage.
        """
        parked = park_large(batch)
        failures, pause = 0, FIRST_PAUSE
        while True:
            try:
                return self._try(batch, parked)
            except (FencedError, StoppedError):
                raise
            except Exception as error:  # noqa: BLE001  # whatever it is, no record may be lost
                failures += not is_outage(error)
                self._tell(error)
                if failures >= TRIES:
                    batch, parked = self._park(batch, parked)
                    failures = 0
            wait(pause, self.is_stopping)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _try(self, batch: MicroBatch, parked: dict[str, str]) -> int:
        good = [each for each in batch.slices if each.slice_id not in parked]
        with self.meter.part("judge"):
            judged = self.judge(good)
        with self.meter.part("record"):
            return self.sink.record(self.books.connection(), batch, judged, parked)

    def _park(self, batch: MicroBatch, parked: dict[str, str]) -> tuple[MicroBatch, dict[str, str]]:
        good = [each for each in batch.slices if each.slice_id not in parked]
        cut, found = self.cut(replace(batch, slices=good), self._fails)
        for slice_id, why in found.items():
            emit(Oddity(f"{self.sink.stream}: parked {slice_id}, for the next batch: {why}"))
        rest = [each for each in batch.slices if each.slice_id in parked]
        return replace(cut, slices=[*cut.slices, *rest]), {**parked, **found}

    def _fails(self, slices: Sequence[Slice]) -> str:
        """Why these slices cannot be shown; empty when they can. Outages are waited out."""
        pause = FIRST_PAUSE
        while True:
            try:
                self.sink.try_out(self.books.connection(), slices, self.judge(slices))
            except Exception as error:  # noqa: BLE001  # whatever it is, no record may be lost
                if not is_outage(error):
                    return told(error)
                self._tell(error)
            else:
                return ""
            wait(pause, self.is_stopping)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _tell(self, error: Exception) -> None:
        emit(Oddity(f"{self.sink.stream}: trying again: {told(error)}"))
        try:
            beat(self.books.connection(), self.sink.stream, self.sink.epoch, told(error))
        except FencedError:
            raise
        except Exception as other:
            if not is_outage(other):
                raise
            self.books.close()


def park_large(batch: MicroBatch) -> dict[str, str]:
    """The slices that are no matter for a stream, and why."""
    return {
        each.slice_id: f"{count(each.records, 'record')} in one file; a stream shows files of up to"
        f" {MOST_RECORDS:,}"
        for each in batch.slices
        if each.records > MOST_RECORDS
    }


def cut_by_slice(batch: MicroBatch, fails: Fails) -> tuple[MicroBatch, dict[str, str]]:
    """Of files: those that fail alone."""
    slices = list(batch.slices)
    found = poison_ranges(0, len(slices), lambda start, end: fails(slices[start:end]))
    return batch, {slices[start].slice_id: why for start, _, why in found}


def poison_ranges(
    start: int, end: int, fails: Callable[[int, int], str]
) -> list[tuple[int, int, str]]:
    """Those of `start` up to before `end` that fail by themselves, and why, found by halves.

    Where no half fails but both together do, they are one.
    """
    why = fails(start, end) if start < end else ""
    if not why:
        return []
    if end - start == 1:
        return [(start, end, why)]
    middle = (start + end) // 2
    halves = [*poison_ranges(start, middle, fails), *poison_ranges(middle, end, fails)]
    return halves or [(start, end, why)]

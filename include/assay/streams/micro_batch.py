"""A micro-batch until it is recorded: outages are waited out, and poison is parked.

What fails three times for a cause of its own is taken apart by halves, each of which is tried and
taken back, until the slices are known that fail alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count as count_from

import pyarrow as pa

from assay.batch.slices import FileSlice, Slice
from assay.errors import FencedError
from assay.events.event import Oddity
from assay.events.sinks import emit
from assay.ledger.stream_signs import beat
from assay.storage.addresses import as_place
from assay.storage.objects import exists
from assay.streams.budget import MOST_BYTES, MOST_RECORDS, is_within, text_bytes
from assay.streams.meter import Meter
from assay.streams.outage import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Books,
    SparkGoneError,
    StoppedError,
    is_outage,
    told,
    wait,
)
from assay.streams.sink import MicroBatch, Sink
from assay.words import count

TRIES = 3
MOST_FAILURES = 200
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

        Raises FencedError when a newer holder has the stream, SparkGoneError, and StoppedError when
        it is to stop during an outage.
        """
        parked = park_large(batch)
        failures, pause = 0, FIRST_PAUSE
        while True:
            try:
                return self._try(batch, parked)
            except (FencedError, SparkGoneError, StoppedError):
                raise
            except Exception as error:  # noqa: BLE001  # whatever it is, no record may be lost
                failures += not is_outage(error)
                self._tell(error)
                if failures >= TRIES:
                    batch, parked = self._park(batch)
                    failures = 0
            wait(pause, self.is_stopping)
            pause = min(2 * pause, LONGEST_PAUSE)
            batch = replace(batch, slices=[each for each in batch.slices if _is_there(each)])

    def _try(self, batch: MicroBatch, parked: dict[str, str]) -> int:
        good = [each for each in batch.slices if each.slice_id not in parked]
        with self.meter.part("judge"):
            judged = self.judge(good)
        with self.meter.part("record"):
            return self.sink.record(self.books.connection(), batch, judged, parked)

    def _park(self, batch: MicroBatch) -> tuple[MicroBatch, dict[str, str]]:
        cut, parked = self.cut(batch, self._fails)
        for slice_id, why in parked.items():
            emit(Oddity(f"{self.sink.stream}: parked {slice_id}, for the next batch: {why}"))
        return cut, parked

    def _fails(self, slices: Sequence[Slice]) -> str:
        """Why these slices cannot be shown; empty when they can. Outages are waited out."""
        pause = FIRST_PAUSE
        while True:
            try:
                self.sink.try_out(self.books.connection(), slices, self.judge(slices))
            except SparkGoneError:
                raise
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
    """The files that are no matter for a stream, since they are in memory as a whole; and why."""
    return {
        each.slice_id: f"{count(each.records, 'record')} of {text_bytes(each) / 1e6:,.0f} MB in one"
        f" file; a stream shows files of up to {MOST_RECORDS:,} and {MOST_BYTES / 1e6:,.0f} MB"
        for each in batch.slices
        if isinstance(each, FileSlice) and not is_within([each])
    }


def cut_by_slice(batch: MicroBatch, fails: Fails) -> tuple[MicroBatch, dict[str, str]]:
    """Of files: those that are too large, those that fail alone, and ranges of them that are not
    halved any more."""
    parked = park_large(batch)
    slices = [each for each in batch.slices if each.slice_id not in parked]
    found = poison_ranges(0, len(slices), lambda start, end: fails(slices[start:end]))
    for start, end, why in found:
        parked |= dict.fromkeys((each.slice_id for each in slices[start:end]), why)
    return batch, parked


def _is_there(taken: Slice) -> bool:
    """Whether its file is: a batch that is given up takes that of a delivery back to landing."""
    return not isinstance(taken, FileSlice) or exists(as_place(taken.path))


def poison_ranges(
    start: int, end: int, fails: Callable[[int, int], str]
) -> list[tuple[int, int, str]]:
    """Those of `start` up to before `end` that fail by themselves, and why, found by halves.

    Where no half fails but both together do, they are one. After `MOST_FAILURES` no range is
    halved any more, so that the stream goes on soon, however much of it is poison.
    """
    failures = count_from(1)

    def found_in(start: int, end: int) -> list[tuple[int, int, str]]:
        why = fails(start, end) if start < end else ""
        if not why:
            return []
        if next(failures) >= MOST_FAILURES or end - start == 1:
            return [(start, end, why)]
        middle = (start + end) // 2
        return [*found_in(start, middle), *found_in(middle, end)] or [(start, end, why)]

    return found_in(start, end)

"""The stream of a dataset's landing folder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import count as counted
from pathlib import Path

from pyspark.sql import DataFrame

from assay.batch.slices import Slice
from assay.errors import AssayError, FencedError
from assay.events.event import Oddity
from assay.events.sinks import emit
from assay.ledger.stream_signs import beat, take_back
from assay.storage.addresses import as_place
from assay.storage.objects import exists
from assay.streams.acceptance import Acceptance
from assay.streams.lists import Lists
from assay.streams.micro_batch import cut_by_slice
from assay.streams.outage import told, wait
from assay.streams.sink import MicroBatch
from spark_jobs.streams.running import Held, Running, Sessions

# A look at an object store is a request for each thousand names, and may be billed.
POLL_SECONDS, POLL_OBJECTS_SECONDS, ADOPT_SECONDS, PAUSE_SECONDS = 0.05, 1.0, 10.0, 1.0
MOST_LISTS = 8  # of a frame; how many micro-batches these are, their records say


class FileStream(Running):
    """Files, by acceptance and lists; see `assay.streams.lists`."""

    def __init__(self, sessions: Sessions, held: Held) -> None:
        super().__init__(sessions, held, cut_by_slice)
        self.lists = Lists(self.stream.folder(held.settings) / "lists")
        self._numbers = counted()  # of micro-batches: Spark's frames are not as many
        self._asked = self.open_books()
        self._said = ""  # why no files are taken
        self.acceptance = Acceptance(
            held.settings, self.stream, self.epoch, self.lists, self._asked.ask
        )

    def begin(self) -> None:
        self.lists.folder.mkdir(parents=True, exist_ok=True)
        self._keep("accept", self._accept)

    def read(self, sessions: Sessions) -> DataFrame:
        reader = sessions.few.readStream.option("maxFilesPerTrigger", MOST_LISTS)
        return reader.text(str(self.lists.folder))

    def record(self, frame: DataFrame, number: int) -> None:
        """Record the slices of the oldest lists, each once; then these lists are done with.

        That there are new ones is all that the frame has to say: as many are taken as it may
        hold, so none that it has told of is left. To have Spark read them would take a job more.
        What is too much for one micro-batch is recorded in several: the frame that comes next
        tells of lists that are made later, and may never come.
        """
        left = MOST_LISTS
        while left > 0 and not self._stop.is_set():
            recorded = self._record_next(left)
            if not recorded:
                return
            left -= recorded

    def _record_next(self, most: int) -> int:
        """Record the oldest lists, as one micro-batch may have; returns how many those were."""
        with self.meter.part("read"):
            lists = self.lists.next(most)
            slices = {each.slice_id: each for part in lists.values() for each in part}
            # What is not there was released meanwhile, or is accepted anew by who has it now.
            there = [each for each in slices.values() if exists(as_place(each.path))]
        if there:
            shown = self.recorder.record(MicroBatch(next(self._numbers), there))
            self.meter.shown(shown, delays_of(there))
        self.lists.remove(lists)
        self.acceptance.listed -= slices.keys()
        return len(lists)

    def leave(self) -> None:
        self.acceptance.leave()

    def _accept(self) -> None:
        is_local = isinstance(self.held.settings.landing, Path)
        poll_seconds = POLL_SECONDS if is_local else POLL_OBJECTS_SECONDS
        since_adoption = ADOPT_SECONDS
        while True:
            try:
                if since_adoption >= ADOPT_SECONDS:
                    self.acceptance.adopt()
                    since_adoption = 0.0
                taken = self.acceptance.round()
            except FencedError:
                raise
            except (AssayError, OSError) as error:  # a full disk, or a newer holder at work
                self._say(error)
                wait(PAUSE_SECONDS, self._stop.is_set)
                since_adoption += PAUSE_SECONDS
            else:
                self._take_back()
                wait(0 if taken else poll_seconds, self._stop.is_set)
                since_adoption += poll_seconds

    def _say(self, error: Exception) -> None:
        name, epoch, words = self.stream.name, self.epoch, told(error)
        emit(Oddity(f"{name}: cannot take files, trying again: {words}"))
        self._asked.ask(lambda connection: beat(connection, name, epoch, words))
        self._said = words

    def _take_back(self) -> None:
        """Files are taken again; what else is wrong stays told."""
        if self._said:
            name, epoch, words = self.stream.name, self.epoch, self._said
            self._asked.ask(lambda connection: take_back(connection, name, epoch, words))
            self._said = ""


def delays_of(slices: Sequence[Slice]) -> dict[float, int]:
    """How many records are in files that were written so many seconds ago; S3 does not say."""
    now, delays = time.time(), Counter[float]()
    for each in slices:
        with suppress(OSError):  # released meanwhile
            if isinstance(place := as_place(each.path), Path):
                delays[now - place.stat().st_mtime] += each.records
    return delays

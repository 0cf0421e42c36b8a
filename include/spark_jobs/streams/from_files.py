"""The stream of a dataset's landing folder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql.streaming.readwriter import DataStreamReader

from assay.batch.slices import Slice
from assay.errors import AssayError, FencedError
from assay.events.event import Oddity
from assay.events.sinks import emit
from assay.ledger.streams import beat
from assay.storage.addresses import as_place
from assay.storage.objects import exists
from assay.streams.acceptance import Acceptance
from assay.streams.lists import Lists, read_list
from assay.streams.micro_batch import cut_by_slice
from assay.streams.outage import told, wait
from assay.streams.sink import MicroBatch
from spark_jobs.streams.running import Held, Running, Sessions

POLL_SECONDS, ADOPT_SECONDS, PAUSE_SECONDS = 0.05, 10.0, 1.0
MOST_LISTS = 8  # of a micro-batch


class FileStream(Running):
    """Files, by acceptance and lists; see `assay.streams.lists`."""

    def __init__(self, sessions: Sessions, held: Held) -> None:
        super().__init__(sessions, held, cut_by_slice)
        self.lists = Lists(self.stream.folder(held.settings) / "lists")
        self._asked = self.open_books()
        self.acceptance = Acceptance(
            held.settings, self.stream, self.epoch, self.lists, self._asked.ask
        )

    def begin(self) -> None:
        self.lists.folder.mkdir(parents=True, exist_ok=True)
        self._keep("accept", self._accept)

    def read(self, reader: DataStreamReader) -> DataFrame:
        return reader.option("maxFilesPerTrigger", MOST_LISTS).text(str(self.lists.folder))

    def record(self, frame: DataFrame, number: int) -> None:
        """Record the slices of the oldest lists, each once; then these lists are done with.

        That there are new ones is all that the frame has to say: as many are taken as it may
        hold, so none that it has told of is left. To have Spark read them would take a job more.
        """
        with self.meter.part("read"):
            paths = self.lists.oldest(MOST_LISTS)
            slices = {each.slice_id: each for path in paths for each in read_list(path)}
            # What is not there was released meanwhile, or is accepted anew by who has it now.
            there = [each for each in slices.values() if exists(as_place(each.path))]
        if there:
            shown = self.recorder.record(MicroBatch(number, there))
            self.meter.shown(shown, delays_of(there))
        self.lists.remove(paths)
        self.acceptance.listed -= slices.keys()

    def leave(self) -> None:
        self.acceptance.leave()

    def _accept(self) -> None:
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
                wait(0 if taken else POLL_SECONDS, self._stop.is_set)
                since_adoption += POLL_SECONDS

    def _say(self, error: Exception) -> None:
        name, epoch = self.stream.name, self.epoch
        emit(Oddity(f"{name}: cannot take files, trying again: {told(error)}"))
        self._asked.ask(lambda connection: beat(connection, name, epoch, told(error)))


def delays_of(slices: Sequence[Slice]) -> dict[float, int]:
    """How many records are in files that were written so many seconds ago; S3 does not say."""
    now, delays = time.time(), Counter[float]()
    for each in slices:
        with suppress(OSError):  # released meanwhile
            if isinstance(place := as_place(each.path), Path):
                delays[now - place.stat().st_mtime] += each.records
    return delays

"""A stream under way: its query, its threads, and how they end."""

from __future__ import annotations

import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from assay.batch.slices import Slice
from assay.errors import FencedError
from assay.events.event import Oddity
from assay.events.sinks import emit
from assay.ledger.stream_signs import beat, end_stream, take_back, tell_pace
from assay.ledger.streams import Taken
from assay.settings import Settings
from assay.streams.meter import Meter
from assay.streams.micro_batch import Cut, Recorder
from assay.streams.names import Stream
from assay.streams.outage import Books, SparkGoneError, StoppedError, is_outage, told, wait
from assay.streams.sink import Sink
from spark_jobs.stages.live_rows import LiveRows

TRIGGER = "50 milliseconds"
BEAT_SECONDS, LOOK_SECONDS = 1.0, 0.1
FEW_RECORDS = 8_000
FOR_MANY_ROWS = {
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",
}


@dataclass(frozen=True)
class Held:
    """A stream and the epoch in which this process holds it."""

    settings: Settings
    stream: Stream
    taken: Taken
    uri: str


@dataclass(frozen=True)
class Sessions:
    """Those that all streams of an application share: a query holds the one that it began in."""

    few: SparkSession
    many: SparkSession

    @classmethod
    def of(cls, spark: SparkSession) -> Sessions:
        """The session itself for few rows, and one that compiles its code for many."""
        many = spark.newSession()
        for setting, value in FOR_MANY_ROWS.items():
            many.conf.set(setting, value)
        return cls(spark, many)

    def are_over(self) -> bool:
        """Whether their Spark has ended, and maybe its JVM."""
        try:
            return bool(self.few.sparkContext._jsc.sc().isStopped())
        except (AttributeError, Py4JError, OSError):  # a context that was stopped has no JVM's
            return True


class Running(ABC):
    """One stream; `error` is why it has ended by itself."""

    def __init__(self, sessions: Sessions, held: Held, cut: Cut) -> None:
        self.sessions = sessions
        self.held = held
        self.stream = held.stream
        self.epoch = held.taken.epoch
        self.error: BaseException | None = None
        self._began = time.monotonic()
        self._stop = Event()
        self._busy = Lock()  # a micro-batch is under way
        self._opened: list[Books] = []
        self._books = self.open_books()
        self._threads: list[Thread] = []
        self._query: StreamingQuery | None = None
        self.rows = LiveRows(self.stream.dataset)
        self.meter = Meter()
        self.recorder = Recorder(
            sink=Sink(self.stream.name, self.epoch, self.stream.silver),
            books=self.open_books(),
            judge=self.judge,
            cut=cut,
            is_stopping=self._stop.is_set,
            meter=self.meter,
        )

    def open_books(self) -> Books:
        """A connection of its own for a thread, which is closed when the stream has ended."""
        self._opened.append(Books(self.held.uri, self._stop.is_set))
        return self._opened[-1]

    def start(self) -> None:
        """Begin; returns as soon as the query runs."""
        shutil.rmtree(self._checkpoints, ignore_errors=True)
        self._keep("beat", self._beat)
        self.begin()
        self._query = (
            self.read(self.sessions)
            .writeStream.foreachBatch(self._on_batch)
            .option("checkpointLocation", str(self._checkpoints / str(self.epoch)))
            .queryName(f"{self.stream.name} {self.epoch}")
            .trigger(processingTime=TRIGGER)
            .start()
        )

    @property
    def _checkpoints(self) -> Path:
        """Where Spark keeps its own log; nothing is read from it, for the books know better."""
        return self.held.settings.home / "tmp" / "streams" / self.stream.name

    def judge(self, slices: Sequence[Slice]) -> pa.Table:
        """The judged records; of many, by code that is compiled, which few are done before.

        Raises SparkGoneError when it fails because Spark has ended.
        """
        many = sum(each.records for each in slices) > FEW_RECORDS
        try:
            return self.rows.judge(self.sessions.many if many else self.sessions.few, slices)
        except Exception as error:
            if self.sessions.are_over():
                raise SparkGoneError(f"Spark has ended: {told(error)}") from error
            raise

    @abstractmethod
    def begin(self) -> None:
        """What has to be so before the query starts."""

    @abstractmethod
    def read(self, sessions: Sessions) -> DataFrame:
        """What the query gives."""

    @abstractmethod
    def record(self, frame: DataFrame, number: int) -> None:
        """Bring a micro-batch into Postgres."""

    @abstractmethod
    def leave(self) -> None:
        """What is left to do when nothing runs any more."""

    def check(self) -> None:
        """Notice that the query has ended by itself."""
        query = self._query
        if query and not query.isActive and not self.error and not self._stop.is_set():
            self.error = query.exception() or RuntimeError(f"{self.stream.name}: the query ended")

    @property
    def seconds(self) -> float:
        """For how long it has run."""
        return time.monotonic() - self._began

    def end(self, *, is_to_go_on: bool = False) -> None:
        """Let the micro-batch that is under way end, and then the stream.

        Of one that is to go on soon, the books say that it waits.
        """
        self._stop.set()
        with self._busy:
            if self._query:
                self._query.stop()
        for thread in self._threads:
            thread.join()
        try:
            self.leave()
            error = None if self.error is None else told(self.error)
            say = beat if is_to_go_on else end_stream
            say(self._books.connection(), self.stream.name, self.epoch, error)
        except FencedError as fenced:  # somebody goes on, whatever else has gone wrong here
            self.error = fenced
        except Exception as error:
            if not is_outage(error):
                raise
            emit(Oddity(f"{self.stream.name}: ended without a word to the books: {told(error)}"))
        finally:
            for books in self._opened:
                books.close()
            shutil.rmtree(self._checkpoints / str(self.epoch), ignore_errors=True)

    def take_back(self) -> None:
        """Say in the books that what has ended the last epoch is over."""
        name, epoch = self.stream.name, self.epoch
        self._books.ask(lambda connection: take_back(connection, name, epoch))

    def _on_batch(self, frame: DataFrame, number: int) -> None:
        # `end` holds it while it waits for the query, which waits for us.
        while not self._busy.acquire(timeout=LOOK_SECONDS):
            if self._stop.is_set():
                return
        try:
            if self._stop.is_set() or self.error:
                return  # nothing is recorded, so the next start begins with it
            self.record(frame, number)
        except StoppedError:
            return
        except BaseException as error:
            self.error = error
            raise
        finally:
            self._busy.release()

    def _beat(self) -> None:
        name, epoch = self.stream.name, self.epoch
        while True:
            self._books.ask(lambda connection: beat(connection, name, epoch))
            told = partial(tell_pace, stream=name, epoch=epoch, measured=self.meter.measured())
            self._books.ask(told)
            wait(BEAT_SECONDS, self._stop.is_set)

    def _keep(self, name: str, work: Callable[[], None]) -> None:
        """Have a thread work until the stream stops."""

        def run() -> None:
            try:
                work()
            except StoppedError:
                return
            except BaseException as error:  # noqa: BLE001  # the stream ends with it
                self.error = self.error or error

        thread = Thread(target=run, name=f"{name} {self.stream.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

"""All streams of a pipeline in one application, from the first epoch to the exit code."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from pyspark.sql import SparkSession

from assay.errors import FencedError, KafkaUnavailableError, StreamGapError
from assay.events.event import Failed, Progress
from assay.events.sinks import emit
from assay.home.dsn import dsn
from assay.ledger.streams import take_stream
from assay.settings import Settings
from assay.streams.names import Stream
from assay.streams.outage import Books, StoppedError, told
from assay.streams.stopping import stop_file
from spark_jobs.streams.from_files import FileStream
from spark_jobs.streams.from_kafka import KafkaStream
from spark_jobs.streams.running import Held, Running

STOPPED, BROKEN, FENCED, GAP = 0, 1, 3, 4
LOOK_SECONDS = 0.2
URI = "ASSAY_STREAM_URI"  # where Postgres is, if it is not that of the stack; holds a password
MOST_RESTARTS, RESTART_SECONDS, GAP_SECONDS = 5, 3.0, 30.0  # of one stream


class Application:
    """The streams of a pipeline, until a signal, its stop file or the end of its time."""

    def __init__(self, spark: SparkSession, settings: Settings, pipeline: str, stop: Event) -> None:
        self.spark = spark
        self.settings = settings
        self.stop_file: Path = stop_file(settings, pipeline)
        self.stop = stop
        self.uri = os.environ.get(URI) or dsn(settings, "assay_streamer")
        self.running: list[Running] = []
        self.due: dict[Stream, float] = {}  # those that have ended, and when they start anew
        self.met: dict[Stream, BaseException] = {}  # what has ended those that do not run
        self.restarts: Counter[Stream] = Counter()

    def run(self, streams: Sequence[Stream], seconds: float) -> int:
        """Returns the exit code of the process."""
        self.stop_file.unlink(missing_ok=True)
        try:
            for stream in streams:
                self._start(stream)
            self._watch(time.monotonic() + seconds)
        except StoppedError:
            emit(Progress("stopped before Postgres was there"))
        finally:
            for each in self.running:
                each.end()
        return exit_code([*self.met.values()])

    def _start(self, stream: Stream) -> None:
        holder = f"{socket.gethostname()} pid {os.getpid()}"
        taken = Books(self.uri, self.stop.is_set).ask(
            lambda connection: take_stream(
                connection, stream.name, stream.dataset, stream.source, holder
            )
        )
        held = Held(self.settings, stream, taken, self.uri)
        started = (
            KafkaStream(self.spark, held)
            if stream.source == "kafka"
            else FileStream(self.spark, held)
        )
        self.running.append(started)
        try:
            started.start()
        except (StreamGapError, KafkaUnavailableError) as error:
            started.error = error
            return
        self.met.pop(stream, None)
        emit(Progress(f"{stream.name}: started, epoch {taken.epoch}"))

    def _watch(self, end: float) -> None:
        while not self.stop.wait(LOOK_SECONDS) and time.monotonic() < end:
            if self.stop_file.exists():
                return
            for each in [*self.running]:
                each.check()
                if each.error and not self._goes_on_after(each, each.error):
                    return
            for stream, due in [*self.due.items()]:
                if time.monotonic() >= due:
                    del self.due[stream]
                    self._start(stream)

    def _goes_on_after(self, ended: Running, error: BaseException) -> bool:
        """Whether the streams go on after one has ended; that one is started anew in a while.

        Records that are lost are nothing to give up for: until somebody says to go on without
        them, the stream looks now and then.
        """
        emit(Failed(type(error).__name__, told(error)))
        stream = ended.stream
        self.running.remove(ended)
        ended.end()
        self.met[stream] = error
        is_gap = isinstance(error, StreamGapError)
        self.restarts[stream] += not is_gap
        self.due[stream] = time.monotonic() + (GAP_SECONDS if is_gap else RESTART_SECONDS)
        return not isinstance(error, FencedError) and self.restarts[stream] <= MOST_RESTARTS


def exit_code(met: Sequence[BaseException]) -> int:
    """What the process says of its end: the worst of what has ended its streams."""
    if any(isinstance(error, FencedError) for error in met):
        return FENCED
    if any(not isinstance(error, StreamGapError) for error in met):
        return BROKEN
    return GAP if met else STOPPED

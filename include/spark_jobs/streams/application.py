"""All streams of a pipeline in one application, from the first epoch to the exit code."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Event

from pyspark.sql import SparkSession

from assay.errors import FencedError, StreamGapError, TopicMissingError
from assay.events.event import Failed, Progress
from assay.events.sinks import emit
from assay.home.dsn import dsn
from assay.ledger.streams import take_stream
from assay.settings import Settings
from assay.streams.names import Stream
from assay.streams.outage import Books, StoppedError, is_outage, told
from assay.streams.stopping import stop_file
from spark_jobs.streams.from_files import FileStream
from spark_jobs.streams.from_kafka import KafkaStream
from spark_jobs.streams.running import Held, Running, Sessions

STOPPED, BROKEN, GAP, FENCED = 0, 1, 4, 5  # a JVM without memory ends with 3
LOOK_SECONDS = 0.2
URI = "ASSAY_STREAM_URI"  # where Postgres is, if it is not that of the stack; holds a password
# Of one stream; whatever ends one that has run for so many well seconds is the first to do so.
MOST_RESTARTS, RESTART_SECONDS, GAP_SECONDS, WELL_SECONDS = 5, 3.0, 30.0, 60.0


class Application:
    """The streams of a pipeline, until a signal, its stop file or the end of its time."""

    def __init__(self, spark: SparkSession, settings: Settings, pipeline: str, stop: Event) -> None:
        self.sessions = Sessions.of(spark)
        self.settings = settings
        self.stop_file: Path = stop_file(settings, pipeline)
        self.stop = stop
        self.uri = os.environ.get(URI) or dsn(settings, "assay_streamer")
        self.running: list[Running] = []
        # Those that have ended, and when they start anew.
        self.due: dict[Stream, tuple[float, Running]] = {}
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
            for each in [*self.running, *(ended for _, ended in self.due.values())]:
                each.end()
        return exit_code([*self.met.values()])

    def _start(self, stream: Stream) -> None:
        holder = f"{socket.gethostname()} pid {os.getpid()}"
        with closing(Books(self.uri, self.stop.is_set)) as books:
            taken = books.ask(
                lambda connection: take_stream(
                    connection, stream.name, stream.dataset, stream.source, holder
                )
            )
        held = Held(self.settings, stream, taken, self.uri)
        started = (
            KafkaStream(self.sessions, held)
            if stream.source == "kafka"
            else FileStream(self.sessions, held)
        )
        self.running.append(started)
        try:
            started.start()
        except Exception as error:
            if not isinstance(error, StreamGapError) and not is_outage(error):
                raise
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
            for stream, (due, _) in [*self.due.items()]:
                if time.monotonic() >= due:
                    del self.due[stream]
                    self._start(stream)

    def _goes_on_after(self, ended: Running, error: BaseException) -> bool:
        """Whether the streams go on after one has ended; that one is started anew in a while.

        A broker or a disk that is away is nothing to give up for, however long. Nor are records
        that are lost: until somebody says to go on without them, the stream looks now and then.
        """
        if told(error) != told(self.met.get(ended.stream, StoppedError())):  # not every time
            emit(Failed(type(error).__name__, told(error)))
        stream = ended.stream
        self.running.remove(ended)
        is_gap = isinstance(error, StreamGapError)
        ended.end(is_to_go_on=is_outage(error))
        error = ended.error or error  # overtaken, it is not to take the stream back
        self.met[stream] = error
        if ended.seconds > WELL_SECONDS:
            self.restarts[stream] = 0
        self.restarts[stream] += not is_gap and not is_outage(error)
        pause = GAP_SECONDS if is_gap else RESTART_SECONDS
        self.due[stream] = (time.monotonic() + pause, ended)
        return not isinstance(error, FencedError) and self.restarts[stream] <= MOST_RESTARTS


def exit_code(met: Sequence[BaseException]) -> int:
    """What the process says of its end: the worst of what has ended its streams.

    A topic that nobody has made yet is no fault of a stream.
    """
    if any(isinstance(error, FencedError) for error in met):
        return FENCED
    if any(not isinstance(error, StreamGapError | TopicMissingError) for error in met):
        return BROKEN
    return GAP if any(isinstance(error, StreamGapError) for error in met) else STOPPED

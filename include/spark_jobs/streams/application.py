"""All streams of a pipeline in one application, from the first epoch to the exit code."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from threading import Event
from typing import Any

from pyspark.sql import SparkSession

from assay.errors import FencedError, StreamGapError
from assay.events.event import Failed, Progress
from assay.events.sinks import emit
from assay.home.dsn import dsn
from assay.ledger.query import Connection
from assay.ledger.stream_signs import is_held
from assay.ledger.streams import Taken, take_stream
from assay.settings import Settings
from assay.streams.names import Stream
from assay.streams.outage import Books, StoppedError, is_outage, told, wait
from assay.streams.stopping import StopFile
from spark_jobs.streams.from_files import FileStream
from spark_jobs.streams.from_kafka import KafkaStream
from spark_jobs.streams.running import Held, Running, Sessions

STOPPED, BROKEN, GAP, FENCED = 0, 1, 4, 5  # a JVM without memory ends with 3
LOOK_SECONDS = 0.2
# The log that Spark keeps of each file that a query has read is written anew whole, again and
# again: a query that ran for a day would write 35 MB at a time.
RENEW_SECONDS = 3600.0
URI = "ASSAY_STREAM_URI"  # where Postgres is, if it is not that of the stack; holds a password
# Of one stream; whatever ends one that has run for so many well seconds is the first to do so.
MOST_RESTARTS, RESTART_SECONDS, GAP_SECONDS, WELL_SECONDS = 5, 3.0, 30.0, 60.0


class Application:
    """The streams of a pipeline, until a signal, its stop file or the end of its time.

    Each takes a new epoch, with a new query, after `renew_seconds`.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        stop_file: StopFile,
        stop: Event,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self.sessions = Sessions.of(spark)
        self.settings = settings
        self.stop_file = stop_file
        self.stop = stop
        self.renew_seconds = renew_seconds
        self.uri = os.environ.get(URI) or dsn(settings, "assay_streamer")
        self.running: list[Running] = []
        # Those that have ended, and when they start anew.
        self.due: dict[Stream, tuple[float, Running]] = {}
        self.met: dict[Stream, BaseException] = {}  # what has ended those that do not run
        self.restarts: Counter[Stream] = Counter()

    def run(self, streams: Sequence[Stream], seconds: float) -> int:
        """Returns the exit code of the process."""
        try:
            for stream in streams:
                self._start(stream)
            self._watch(time.monotonic() + seconds)
        except StoppedError:
            emit(Progress("stopped before all streams had begun"))
        finally:
            for each in [*self.running, *(ended for _, ended in self.due.values())]:
                each.end()
        return exit_code([*self.met.values()])

    def _is_stopping(self) -> bool:
        return self.stop.is_set() or self.stop_file.is_asked()

    def _start(self, stream: Stream) -> None:
        """Raises StoppedError when the streams are to stop before this one is taken."""
        wait(0, self._is_stopping)
        taken = self._take(stream)
        held = Held(self.settings, stream, taken, self.uri)
        started = (
            KafkaStream(self.sessions, held, judges_apart=self.restarts[stream] > 0)
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
        if self.met.pop(stream, None):
            started.take_back()
        emit(Progress(f"{stream.name}: started, epoch {taken.epoch}"))

    def _is_held(self, stream: Stream) -> bool:
        return bool(self._ask(lambda connection: is_held(connection, stream.name)))

    def _ask(self, question: Callable[[Connection], Any]) -> Any:
        with closing(Books(self.uri, self._is_stopping)) as books:
            return books.ask(question)

    def _take(self, stream: Stream) -> Taken:
        """The next epoch; what has ended the last one stays told until the stream runs again."""
        holder = f"{socket.gethostname()} pid {os.getpid()}"
        error = told(self.met[stream]) if stream in self.met else None
        take = partial(
            take_stream,
            stream=stream.name,
            dataset=stream.dataset,
            source=stream.source,
            holder=holder,
            error=error,
        )
        taken: Taken = self._ask(take)
        return taken

    def _watch(self, end: float) -> None:
        def is_near(moment: float) -> bool:  # whoever comes next has new queries anyway
            return moment - time.monotonic() < self.renew_seconds / 10

        while not self.stop.wait(LOOK_SECONDS) and time.monotonic() < end:
            if self.stop_file.is_asked():
                return
            for each in [*self.running]:
                each.check()
                if each.error:
                    if not self._goes_on_after(each, each.error):
                        return
                elif each.seconds > self.renew_seconds and not is_near(end):
                    self._renew(each)
            for stream, (due, _) in [*self.due.items()]:
                if time.monotonic() >= due:
                    del self.due[stream]
                    self._start(stream)

    def _renew(self, ended: Running) -> None:
        """Go on in a new epoch: with the first record that is not in Postgres, as every start."""
        self.running.remove(ended)
        ended.end(is_to_go_on=True)
        if ended.error:  # overtaken, or in its last micro-batch
            self.running.append(ended)
            return
        self.restarts[ended.stream] = 0
        self._start(ended.stream)

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
        if isinstance(error, FencedError) and not self._is_held(stream):
            # By `assay stream skip`, which has ended again.
            is_gap, error = True, StreamGapError(str(error))
        self.met[stream] = error
        if ended.seconds > WELL_SECONDS:
            self.restarts[stream] = 0
        self.restarts[stream] += not is_gap and not is_outage(error)
        pause = GAP_SECONDS if is_gap else RESTART_SECONDS
        self.due[stream] = (time.monotonic() + pause, ended)
        return not isinstance(error, FencedError) and self.restarts[stream] <= MOST_RESTARTS


def exit_code(met: Sequence[BaseException]) -> int:
    """What the process says of its end: the worst of what has ended its streams.

    An outage is waited out, so it is no fault of a stream; nor is a topic that nobody has made yet.
    """
    if any(isinstance(error, FencedError) for error in met):
        return FENCED
    if any(not isinstance(error, StreamGapError) and not is_outage(error) for error in met):
        return BROKEN
    return GAP if any(isinstance(error, StreamGapError) for error in met) else STOPPED

"""All streams of a pipeline in one application, from the first epoch to the exit code."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from pyspark.sql import SparkSession

from assay.errors import FencedError, StreamGapError
from assay.events.event import Failed, Progress
from assay.events.sinks import emit
from assay.home.dsn import dsn
from assay.ledger.streams import take_stream
from assay.settings import Settings
from assay.streams.names import Stream
from assay.streams.outage import Books, told
from assay.streams.stopping import stop_file
from spark_jobs.streams.from_files import FileStream
from spark_jobs.streams.running import Held, Running

STOPPED, BROKEN, FENCED, GAP = 0, 1, 3, 4
LOOK_SECONDS = 0.2
URI = "ASSAY_STREAM_URI"  # where Postgres is, if it is not that of the stack; holds a password
KINDS = {"files": FileStream}


class Application:
    """The streams of a pipeline, until a signal, its stop file or the end of its time."""

    def __init__(self, spark: SparkSession, settings: Settings, pipeline: str) -> None:
        self.spark = spark
        self.settings = settings
        self.stop_file: Path = stop_file(settings, pipeline)
        self.stop = Event()
        self.uri = os.environ.get(URI) or dsn(settings, "assay_streamer")

    def run(self, streams: Sequence[Stream], seconds: float) -> int:
        """Returns the exit code of the process."""
        self.stop_file.unlink(missing_ok=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        running: list[Running] = []
        try:
            for stream in streams:
                running.append(self._start(stream))
            self._watch(running, time.monotonic() + seconds)
        finally:
            for each in running:
                each.end()
        return exit_code(running)

    def _start(self, stream: Stream) -> Running:
        holder = f"{socket.gethostname()} pid {os.getpid()}"
        taken = Books(self.uri, self.stop.is_set).ask(
            lambda connection: take_stream(
                connection, stream.name, stream.dataset, stream.source, holder
            )
        )
        started = KINDS[stream.source](self.spark, Held(self.settings, stream, taken, self.uri))
        started.start()
        emit(Progress(f"{stream.name}: started, epoch {taken.epoch}"))
        return started

    def _watch(self, running: Sequence[Running], end: float) -> None:
        """Until all is to end. A gap ends its own stream only, since nothing here closes it."""
        ended: set[str] = set()
        while not self.stop.wait(LOOK_SECONDS) and time.monotonic() < end:
            if self.stop_file.exists():
                return
            for each in running:
                each.check()
                if each.error and each.stream.name not in ended:
                    emit(Failed(type(each.error).__name__, told(each.error)))
                    ended.add(each.stream.name)
                    if not isinstance(each.error, StreamGapError):
                        return
            if len(ended) == len(running):
                return


def exit_code(running: Sequence[Running]) -> int:
    """What the process says of its end: the worst of what its streams have met."""
    errors = [each.error for each in running if each.error]
    if any(isinstance(error, FencedError) for error in errors):
        return FENCED
    if any(not isinstance(error, StreamGapError) for error in errors):
        return BROKEN
    return GAP if errors else STOPPED

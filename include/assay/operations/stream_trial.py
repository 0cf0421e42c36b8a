"""A stream tried out: its application, events at a steady pace, and how long they took."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from assay.contracts.load import load_contract
from assay.contracts.pipelines import pipeline_carrying
from assay.errors import StackError
from assay.generate.recipes import recipe_of
from assay.home.dsn import dsn
from assay.ledger.stream_states import stream_states
from assay.ledger.streams import StreamSource
from assay.produce.landing import Landing
from assay.produce.pace import SHORTEST, Pace
from assay.produce.run import produce
from assay.produce.targets import Target
from assay.settings import Settings
from assay.spark_runtime.streaming import end_gracefully, prepare_stream, stream_command
from assay.streams.latency import Latency, measure_latency
from assay.words import Say

START_SECONDS, CATCH_UP_SECONDS, GRACE_SECONDS = 180.0, 120.0, 60.0
LOOK_SECONDS, LOOK_SHARE = 0.2, 9  # of what a look takes, so that it has a tenth of a core
AT_ONCE = 1_000_000_000  # events a second


@dataclass(frozen=True)
class Trial:
    """Events of a dataset: `rate` a second for `seconds`, after `warm_up` seconds of the same.

    A JVM that has just started compiles first, so the events of the warm-up do not count.
    """

    dataset: str
    source: StreamSource
    rate: int
    seconds: int
    warm_up: int
    at_once: bool = False  # made as quickly as they can be

    @property
    def name(self) -> str:
        return f"{self.dataset}.{self.source}"

    def truth(self, settings: Settings) -> Path:
        """Where what was sent is told."""
        return settings.home / "truth" / f"{self.name}.jsonl"


def try_stream(settings: Settings, trial: Trial, say: Say) -> Latency:
    """Run the stream for as long as its events come; it is stopped afterwards.

    Raises StackError, naming the log, when the stream ends by itself or falls behind.
    """
    with running_stream(settings, trial.dataset, trial.source, say) as process:
        return feed(settings, trial, process)


@contextmanager
def running_stream(
    settings: Settings, dataset: str, source: StreamSource, say: Say
) -> Iterator[subprocess.Popen[bytes]]:
    """The application of a dataset's streams, which records when the block begins."""
    prepare_stream(settings, say)
    pipeline = pipeline_carrying(dataset).name
    command, environment = stream_command(settings, pipeline, "--only", dataset)
    log = stream_log(settings)
    began = datetime.now(UTC)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603
            command,
            env=environment,
            cwd=settings.home,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_held(settings, f"{dataset}.{source}", began, process)
        yield process
    finally:
        if not end_gracefully(process.pid, GRACE_SECONDS):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def feed(settings: Settings, trial: Trial, process: subprocess.Popen[bytes]) -> Latency:
    """Make the events of a trial, and wait until every good one was seen."""
    send(settings, trial)
    return wait_until_seen(settings, trial, process)


def send(settings: Settings, trial: Trial) -> None:
    """Make the events of a trial, and hand them over."""
    recipe = recipe_of(trial.dataset)
    options = recipe.options(
        settings.home / "landing",
        files=trial.warm_up + trial.seconds,
        rows=trial.rate,
        seed=secrets.randbelow(1 << 31),
        start=datetime.now(UTC).date() - timedelta(days=1),
        days=1,
    )
    pace = Pace(AT_ONCE, options.records, SHORTEST) if trial.at_once else None
    produce(recipe, options, _target(settings, trial), trial.truth(settings), pace=pace)


def stream_log(settings: Settings) -> Path:
    """What the application of a trial prints."""
    return settings.logs / "stream.log"


def _target(settings: Settings, trial: Trial) -> Target:
    if trial.source == "kafka":
        from assay.kafka.access import kafka_access
        from assay.produce.topic import Topic

        return Topic(kafka_access(settings), trial.dataset, 2)
    run = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    return Landing(settings.landing / trial.dataset, run, stamp=False)


def _wait_until_held(
    settings: Settings, stream: str, began: datetime, process: subprocess.Popen[bytes]
) -> None:
    deadline = time.monotonic() + START_SECONDS
    with psycopg.connect(dsn(settings, "assay_reader"), autocommit=True) as connection:
        while not any(
            each.stream == stream and each.started_at >= began for each in stream_states(connection)
        ):
            _require_running(settings, stream, process)
            if time.monotonic() > deadline:
                raise StackError(f"{stream}: not begun in {START_SECONDS:.0f} s; {_see(settings)}")
            time.sleep(LOOK_SECONDS)


def wait_until_seen(settings: Settings, trial: Trial, process: subprocess.Popen[bytes]) -> Latency:
    """Wait until every good event of a trial was seen. Raises StackError when the stream ends.

    To look at many events takes long, on the cores that the stream needs.
    """
    silver, after = load_contract("silver", trial.dataset), trial.warm_up * trial.rate
    deadline = time.monotonic() + CATCH_UP_SECONDS
    with psycopg.connect(dsn(settings, "assay_reader"), autocommit=True) as connection:
        while True:
            began = time.monotonic()
            latency = measure_latency(connection, silver, trial.truth(settings), after=after)
            if latency.seen == latency.expected:
                return latency
            _require_running(settings, trial.name, process)
            if time.monotonic() > deadline:
                raise StackError(
                    f"{trial.name}: {latency.expected - latency.seen:,} of {latency.expected:,}"
                    f" events are not there after {CATCH_UP_SECONDS:.0f} s; {_see(settings)}"
                )
            time.sleep(max(LOOK_SECONDS, LOOK_SHARE * (time.monotonic() - began)))


def _require_running(settings: Settings, stream: str, process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        raise StackError(f"{stream}: the stream has ended ({process.returncode}); {_see(settings)}")


def _see(settings: Settings) -> str:
    return f"see {stream_log(settings)}"

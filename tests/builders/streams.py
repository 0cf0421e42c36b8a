"""The application of streams as a real process, on a home and a database of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

from assay.settings import Settings, load_settings
from assay.spark_runtime.streaming import prepare_stream, stream_command

if TYPE_CHECKING:
    from conftest import Database

PATIENCE = 600.0
HEADER = "event_id,event_time,event_type,product_id,product_name,price,user_id,session_id\n"


@dataclass
class Streams:
    """A pipeline's streams without Airflow: its home, its books, and every process started."""

    settings: Settings
    uri: str
    reader: str
    pipeline: str = "ecommerce_events"
    environment: Mapping[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """The application, as `assay stream run` starts it; its pid is that of the JVM."""
        command, variables = stream_command(self.settings, self.pipeline, *arguments)
        variables |= {
            "ASSAY_STREAM_URI": self.uri,
            "ASSAY_SPARK_LOCK": str(self.settings.locks / f"test-{len(self.started)}.lock"),
            "ASSAY_HOME": str(self.settings.home),
            **self.environment,
            **environment,
        }
        log = self.settings.home / f"stream-{len(self.started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=variables, stdout=output, stderr=subprocess.STDOUT
            )
        self.started.append(process)
        self.logs.append(log)
        return process

    def driver(self, process: subprocess.Popen[bytes]) -> psutil.Process:
        """The Python side of an application, once it is there."""
        found: list[psutil.Process] = []

        def is_there() -> bool:
            for child in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.Error):  # one of the launcher's own, which is gone
                    if "stream_bronze.py" in " ".join(child.cmdline()):
                        found.append(child)
            return bool(found)

        self.wait_until(is_there)
        return found[0]

    def land(self, name: str, text: str, dataset: str = "ecommerce_events") -> Path:
        """A file in landing, by rename."""
        folder = self.settings.landing / dataset
        folder.mkdir(parents=True, exist_ok=True)
        hidden = folder / f".{name}"
        hidden.write_text(text)
        return hidden.rename(folder / name)

    def ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.reader) as connection:
            return connection.execute(query, parameters).fetchall()

    def live_ids(self) -> list[str]:
        return sorted(each for (each,) in self.ask("SELECT event_id FROM live.ecommerce_event"))

    def shows_more_than(self, events: int) -> bool:
        return len(self.live_ids()) > events

    def wait_until(self, condition: Callable[[], object], patience: float = PATIENCE) -> None:
        deadline = time.monotonic() + patience
        while not condition():
            last = self.logs[-1].read_text(errors="replace")[-3000:] if self.logs else ""
            assert time.monotonic() < deadline, f"waited in vain\n{last}"
            if self.started:
                assert self.started[-1].poll() in (None, -signal.SIGKILL), last
            time.sleep(0.02)

    def end_all(self) -> None:
        """End what a test has left."""
        for process in self.started:
            with suppress(psutil.Error):
                for part in psutil.Process(process.pid).children(recursive=True):
                    part.kill()
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)


@contextmanager
def streams_of(
    database: Database,
    *,
    home: Path | None = None,
    pipeline: str = "ecommerce_events",
    **environment: str,
) -> Iterator[Streams]:
    """The streams of a pipeline in a home of the test's own, which nothing is left of."""
    shared = load_settings({**os.environ, **environment})
    prepare_stream(shared, print)
    home = home or Path(tempfile.mkdtemp(prefix="assay-streams-"))
    home.mkdir(parents=True, exist_ok=True)
    for part in ("jars", "java"):
        (home / part).symlink_to(shared.home / part)
    settings = load_settings({"ASSAY_HOME": str(home), **environment})
    uris = database.uri("assay_streamer"), database.uri("assay_reader")
    made = Streams(settings, *uris, pipeline=pipeline, environment=environment)
    try:
        yield made
    finally:
        made.end_all()
        shutil.rmtree(home)


def events(first: int, count: int, *, bad: int = 0) -> str:
    """A CSV file of so many events, numbered from `first`; of which the last `bad` have no user."""
    lines = [
        f"e{n:08d},2026-01-05T10:00:00Z,view,{1 + n % 50},thing,9.99,"
        f"{'' if n >= first + count - bad else 1 + n % 7},s{n % 9}\n"
        for n in range(first, first + count)
    ]
    return HEADER + "".join(lines)


def event(number: int) -> str:
    """The same event as an object of JSON."""
    names = HEADER.strip().split(",")
    values = events(number, 1).splitlines()[1].split(",")
    return json.dumps(dict(zip(names, values, strict=True)))

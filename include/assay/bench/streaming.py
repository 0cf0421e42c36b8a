"""Part `stream`: from the making of an event to its row in Postgres, and how a backlog shrinks."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from assay.bench.figures import PartResult, Ratio
from assay.bench.workbench import AGED, Workbench
from assay.errors import StackError
from assay.home.dsn import dsn
from assay.spark_runtime.streaming import end_gracefully, stream_command
from assay_stack.supervisor import migrate_warehouse

PIPELINE = "ecommerce_events"
HEADER = "event_id,event_time,event_type,product_id,product_name,price,user_id,session_id\n"
RATES = {100: 1.2, 5_000: 1.0}  # events a second → seconds that 95 of 100 may take
FILES_A_SECOND, WARM_SECONDS, SECONDS = 4, 20, 30
BACKLOG, BACKLOG_RATE, IN_FILE = 200_000, 18_000.0, 1_250
BOOT_SECONDS = 300.0
# What stamps a row is its insertion; the transaction ends some milliseconds later.
TOOK = """
    SELECT extract(epoch FROM live_since - event_time)::float FROM live.ecommerce_event
    WHERE event_time >= %s ORDER BY 1
"""
SHOWN = "SELECT count(*) FROM live.ecommerce_event"


class Feed:
    """Files of events of which each is stamped with the moment of its making."""

    def __init__(self, landing: Path) -> None:
        self.landing = landing
        self.made = 0
        landing.mkdir(parents=True, exist_ok=True)

    def run(self, rate: int, seconds: float) -> None:
        due = time.monotonic()
        end = due + seconds
        while time.monotonic() < end:
            self.land(rate // FILES_A_SECOND)
            due += 1 / FILES_A_SECOND
            time.sleep(max(0.0, due - time.monotonic()))

    def land(self, events: int) -> None:
        """One file, which looks as if it had come a minute ago, so that it need not rest."""
        now = datetime.now(UTC).isoformat()
        numbers = range(self.made, self.made + events)
        lines = [f"e{n:09d},{now},view,{1 + n % 50},thing,9.99,{1 + n % 7},s\n" for n in numbers]
        self.made += events
        hidden = self.landing / f".{self.made:09d}.csv"
        hidden.write_text(HEADER + "".join(lines))
        came = time.time() - AGED
        os.utime(hidden, (came, came))
        hidden.rename(self.landing / f"{self.made:09d}.csv")


def measure_stream(bench: Workbench) -> PartResult:
    """A steady flow of files at two rates, then files that wait all at once."""
    bench.prepare_spark()
    bench.start_postgres()
    migrate_warehouse(bench.settings, bench.say)
    feed = Feed(Path(bench.settings.landing) / PIPELINE)
    uri = dsn(bench.settings, "assay_reader")
    with _running(bench), psycopg.connect(uri, autocommit=True) as reader:
        began = time.monotonic()
        feed.land(1)
        _wait(reader, feed.made)
        boot = time.monotonic() - began
        feed.run(min(RATES), WARM_SECONDS)
        ratios = [_at(reader, feed, rate, goal) for rate, goal in RATES.items()]
        _wait(reader, feed.made)
        ratios.append(_backlog(reader, feed))
    return PartResult("stream", ratios=ratios, notes=[f"first row after {boot:.1f} s"])


def _at(reader: psycopg.Connection[Any], feed: Feed, rate: int, goal: float) -> Ratio:
    since = datetime.now(UTC)
    feed.run(rate, SECONDS)
    _wait(reader, feed.made)
    took = [seconds for (seconds,) in reader.execute(TOOK, [since]).fetchall()]
    p50, p95 = (took[int(share * (len(took) - 1))] for share in (0.5, 0.95))
    name = f"files, {rate:,} events/s: p95 against its goal (p50 {p50:.2f} s, p95 {p95:.2f} s)"
    return Ratio(name, [p95], [goal], 1.0)


def _backlog(reader: psycopg.Connection[Any], feed: Feed) -> Ratio:
    began = time.monotonic()
    for _ in range(BACKLOG // IN_FILE):
        feed.land(IN_FILE)
    _wait(reader, feed.made)
    seconds = time.monotonic() - began
    name = f"files, a backlog of {BACKLOG:,}: {BACKLOG / seconds:,.0f} events/s"
    return Ratio(name, [seconds], [BACKLOG / BACKLOG_RATE], 1.0)


def _wait(reader: psycopg.Connection[Any], events: int) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while reader.execute(SHOWN).fetchall()[0][0] < events:
        if time.monotonic() > deadline:
            raise StackError(f"the stream did not show {events:,} events in {BOOT_SECONDS:.0f} s")
        time.sleep(0.05)


@contextmanager
def _running(bench: Workbench) -> Iterator[None]:
    command, environment = stream_command(bench.settings, PIPELINE)
    environment = {**environment, "ASSAY_HOME": str(bench.settings.home)}
    bench.settings.logs.mkdir(parents=True, exist_ok=True)
    with (bench.settings.logs / "stream.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            command, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        if not end_gracefully(process.pid, 30):
            process.kill()
        process.wait()

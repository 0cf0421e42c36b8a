"""The prior systems' stream beside ours: as many events a second, on the same machine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from assay.bench.commands import PROGRAMS, plain_environment, plain_spark_submit
from assay.bench.workbench import Workbench
from assay.errors import StackError
from assay.home.credentials import load_credentials
from assay.home.dsn import dsn
from assay.home.ports import HOST, load_ports
from assay.spark_runtime.jars import jar_paths

DATABASE = "bench_prior_stream"
# The prior systems' tables, and when the row came.
PRIOR_DDL = """
CREATE TABLE user_activity (
    event_id varchar(50), event_time timestamp NOT NULL, event_type varchar(20),
    product_id integer, product_name text, price numeric(10,2), user_id integer,
    session_id varchar(50), seen_at timestamptz DEFAULT clock_timestamp());
CREATE TABLE user_activity_errors (
    event_id varchar(50), event_time varchar(50), event_type varchar(50), product_id varchar(20),
    product_name text, price varchar(50), user_id varchar(20), session_id varchar(50));
"""
HEADER = "event_id,event_time,event_type,product_id,product_name,price,user_id,session_id\n"
WARM_SECONDS, SECONDS, RATE, PATIENCE = 20, 40, 100, 300.0
BACKLOG_FILES, IN_FILE = 40, 1_250


@dataclass(frozen=True)
class Found:
    """Seconds of each event from its making to its row, sorted; events a second of a backlog."""

    seconds: Sequence[float]
    backlog_rate: float


def measure_prior_stream(bench: Workbench) -> Found:
    """A file of 100 events a second, and then files that wait all at once."""
    bench.make_database(DATABASE, migrated=False)
    with psycopg.connect(dsn(bench.settings, "assay_owner", DATABASE), autocommit=True) as books:
        books.execute(PRIOR_DDL)
        with _running(bench) as landing:
            feed = _Feed(landing)
            feed.run(WARM_SECONDS)
            _wait(books, feed.made)
            since, warm = datetime.now(UTC), feed.made
            feed.run(SECONDS)
            _wait(books, feed.made)
            took = books.execute(
                "SELECT extract(epoch FROM seen_at - event_time AT TIME ZONE 'UTC')::float"
                " FROM user_activity WHERE event_time >= %s ORDER BY 1",
                [since.replace(tzinfo=None)],
            ).fetchall()
            if len(took) != feed.made - warm:
                raise StackError(f"{len(took)} of {feed.made - warm} events of the prior way")
            began = time.monotonic()
            for _ in range(BACKLOG_FILES):
                feed.land(IN_FILE)
            _wait(books, feed.made)
            spent = time.monotonic() - began
    return Found([seconds for (seconds,) in took], BACKLOG_FILES * IN_FILE / spent)


class _Feed:
    """Files of events of which each is stamped with the moment of its making."""

    def __init__(self, landing: Path) -> None:
        self.landing, self.made = landing, 0

    def run(self, seconds: int) -> None:
        due = time.monotonic()
        for _ in range(seconds):
            self.land(RATE)
            due += 1
            time.sleep(max(0.0, due - time.monotonic()))

    def land(self, events: int) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        numbers = range(self.made, self.made + events)
        lines = [f"e{n:09d},{now},view,{1 + n % 50},thing,9.99,{1 + n % 7},s\n" for n in numbers]
        self.made += events
        hidden = self.landing / f".{self.made:09d}.csv"
        hidden.write_text(HEADER + "".join(lines))
        hidden.rename(self.landing / f"{self.made:09d}.csv")


@contextmanager
def _running(bench: Workbench) -> Iterator[Path]:
    folder = bench.settings.home / "prior-stream"
    landing = folder / "landing"
    landing.mkdir(parents=True)
    command = plain_spark_submit(
        ["--master", "local[2]", "--driver-class-path", str(jar_paths(bench.settings, "bench")[0])],
        PROGRAMS / "prior_stream.py",
        str(landing),
        str(folder / "checkpoint"),
    )
    environment = plain_environment(
        bench.settings,
        BENCH_JDBC_URL=f"jdbc:postgresql://{HOST}:{load_ports(bench.settings)['postgres']}/{DATABASE}",
        BENCH_JDBC_USER="assay_owner",
        BENCH_JDBC_PASSWORD=load_credentials(bench.settings)["assay_owner"],
    )
    with (bench.settings.logs / "prior-stream.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            command, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield landing
    finally:
        process.kill()
        process.wait()


def _wait(books: psycopg.Connection[Any], events: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while books.execute("SELECT count(*) FROM user_activity").fetchall()[0][0] < events:
        if time.monotonic() > deadline:
            raise StackError(f"the prior way did not show {events:,} events in {PATIENCE:.0f} s")
        time.sleep(0.05)

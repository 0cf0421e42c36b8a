"""`assay stream`: run a stream, see how it is, and watch its rows come."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import psycopg
import typer

from assay.cli.lists import Column, number, print_list, whole
from assay.cli.stream_ways_out import Dataset, readmit, reject, skip
from assay.contracts.load import load_contract
from assay.contracts.pipelines import all_pipelines, pipeline_carrying
from assay.home.dsn import dsn
from assay.ledger.arrivals import Clocks
from assay.ledger.stream_states import StreamState, stream_states
from assay.operations.streams import start_streams, stop_streams
from assay.serving.live import errors_table, live_table
from assay.settings import load_settings
from assay.spark_runtime.streaming import end_gracefully, prepare_stream, stream_command
from assay.streams.state import Health, arrivals, health_of
from assay.streams.stopping import ask_to_stop
from assay.streams.tail import new_rows
from assay.words import span

app = typer.Typer(no_args_is_help=True, help="Events in Postgres within a second of their making.")
Name = Annotated[str, typer.Argument(help="A pipeline, or one of its datasets.")]
GRACE_SECONDS = 60.0
COLUMNS = [
    whole("stream"),
    whole("state"),
    number("lag"),
    number("rate"),
    number("p95"),
    number("live"),
    number("bad"),
    number("parked"),
    number("rejected"),
    number("late"),
    number("ahead"),
    whole("last seen"),
    Column("error"),
]


@app.command()
def start(name: Name) -> None:
    """Have Airflow keep the streams of a pipeline running, from now on."""
    print(start_streams(load_settings(), pipeline_named(name)))


@app.command()
def stop(name: Name) -> None:
    """Let the micro-batches under way end, and then the streams; Airflow starts none again."""
    settings, pipeline = load_settings(), pipeline_named(name)
    ask_to_stop(settings, pipeline)  # which a stream hears that waits for Postgres
    with psycopg.connect(dsn(settings, "assay_reader"), autocommit=True) as connection:
        print(stop_streams(settings, connection, pipeline))


@app.command()
def run(
    name: Name,
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds.")] = None,
) -> None:
    """Run the streams of a pipeline, or of one dataset, in the foreground, without Airflow."""
    settings, pipeline = load_settings(), pipeline_named(name)
    prepare_stream(settings, lambda text: print(f"assay: {text}", file=sys.stderr))
    only = [] if name == pipeline else ["--only", name]
    limit = [] if seconds is None else ["--seconds", str(seconds)]
    command, environment = stream_command(settings, pipeline, *only, *limit)
    process = subprocess.Popen(  # noqa: S603
        command, env=environment, cwd=settings.home, start_new_session=True
    )
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: end_gracefully(process.pid, GRACE_SECONDS))
    sys.exit(process.wait())


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say of every stream how it is: lag, pace, what waits, producers' clocks, what goes wrong."""
    settings = load_settings()
    with psycopg.connect(dsn(settings, "assay_reader"), autocommit=True) as connection:
        told = [
            (state, health_of(settings, state), arrivals(connection, state))
            for state in stream_states(connection)
        ]
    if as_json:
        print(json.dumps([_facts(*each) for each in told], indent=1, default=str))
    else:
        print_list(COLUMNS, (_row(*each) for each in told))


@app.command()
def tail(
    dataset: Dataset,
    errors: Annotated[bool, typer.Option(help="The bad records, with their reasons.")] = False,
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds.")] = None,
) -> None:
    """Print the rows of live as they come, one JSON object a line; Ctrl-C ends it."""
    settings, silver = load_settings(), load_contract("silver", dataset)
    table = errors_table(silver) if errors else live_table(silver)
    end = None if seconds is None else time.monotonic() + seconds
    with psycopg.connect(dsn(settings, "assay_reader"), autocommit=True) as connection:
        for row in _until(new_rows(connection, table), end):
            print(json.dumps(row, default=str), flush=True)


for way_out in (reject, readmit, skip):
    app.command()(way_out)


def pipeline_named(name: str) -> str:
    """The pipeline of this name, or that takes the files of the dataset of this name."""
    return name if name in all_pipelines() else pipeline_carrying(name).name


def _until(rows: Iterator[dict[str, Any] | None], end: float | None) -> Iterator[dict[str, Any]]:
    for row in rows:
        if end is not None and time.monotonic() > end:
            return
        if row is not None:
            yield row


def _facts(state: StreamState, health: Health, clocks: Clocks) -> dict[str, Any]:
    told = {f"{name}_seconds": value for name, value in dataclasses.asdict(clocks).items()}
    return {**dataclasses.asdict(state), **dataclasses.asdict(health), **told}


def _row(state: StreamState, health: Health, clocks: Clocks) -> list[object]:
    seen = state.seen_at.strftime("%Y-%m-%d %H:%M:%S")
    lag = "" if health.lag is None else health.lag
    pace = state.measured
    quick = (
        [f"{pace.rate:,.0f}/s", span(pace.p95)] if pace and health.state == "running" else ["", ""]
    )
    counts = [state.live_records, state.error_records, state.parked, state.rejected]
    times = [span(clocks.late), span(clocks.ahead or None)]
    return [state.stream, health.state, lag, *quick, *counts, *times, seen, state.error or ""]

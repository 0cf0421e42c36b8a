"""`assay demo` and `assay trigger`: run the DAG as a user would, and show what came of it."""

from __future__ import annotations

import dataclasses
import json
from enum import StrEnum
from math import inf
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from assay.batch.states import EMPTY
from assay.cli.progress import saying, watch_tasks
from assay.errors import AssayError, SettingsError
from assay.generate.samples import deliver_samples, sample_sets
from assay.ledger.streams import StreamSource
from assay.ledger.views.batches import BatchReport
from assay.operations.runs import FollowedRuns, explain_failure, run_everything, run_pipeline
from assay.settings import Settings, load_settings
from assay.words import Say

STREAMED, RATE, SECONDS, WARM_UP = "ecommerce_events", 100, 30, 15


class Streamed(StrEnum):
    """What the demo ends with."""

    files = "files"
    kafka = "kafka"
    no = "no"


AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
LABEL_WIDTH, BATCH_WIDTH = 34, 13  # of the summary, borders included


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)
    app.command()(trigger)


def demo(
    files: Annotated[int, typer.Option(help="Number of files of trades.")] = 12,
    rows: Annotated[int, typer.Option(help="Records of each of these files.")] = 2_000,
    stream: Annotated[
        Streamed, typer.Option(help="Half a minute of events at the end, by files or by Kafka.")
    ] = Streamed.files,
    as_json: AsJson = False,
) -> None:
    """From nothing to published releases, and a stream, audited; the stack stays up afterwards."""
    from assay.cli.generate import reporting
    from assay.cli.stack import say, url
    from assay.cli.verify import conclude_audit, run_audit
    from assay_stack.supervisor import up

    settings = load_settings()
    if stream is Streamed.kafka and not settings.uses_kafka:
        raise SettingsError("--stream kafka: there is no broker; set ASSAY_KAFKA=yes")
    console = Console(stderr=as_json, highlight=False)
    if not settings.runs_elsewhere:
        up(settings, say)
    for dataset, options in sample_sets(settings, files=files, rows=rows).items():
        deliver_samples(settings, dataset, options, say, reporting)
    with watch_tasks(console) as watch:
        followed = run_everything(settings, watch)
    _conclude(followed, console, as_json=as_json)
    if stream is not Streamed.no and not settings.runs_elsewhere:
        source: StreamSource = "kafka" if stream is Streamed.kafka else "files"
        console.print(_stream(settings, source, say))
    if not as_json:
        url()
    console.print(conclude_audit(run_audit(settings)), soft_wrap=True)


def _stream(settings: Settings, source: StreamSource, say: Say) -> str:
    from assay.operations.stream_trial import Trial, try_stream

    trial = Trial(STREAMED, source, RATE, SECONDS, WARM_UP)
    say(f"starting the stream {trial.name}: {RATE} events a second, {SECONDS} seconds of them")
    took = try_stream(settings, trial, say)
    p50, p95 = took.percentile(0.5), took.percentile(0.95)
    return (
        f"{trial.name}: {took.seen:,} of {took.expected:,} events in Postgres;"
        f" from their making p50 {p50:.2f} s, p95 {p95:.2f} s"
    )


def trigger(
    dag_id: Annotated[str, typer.Argument(help="The DAG, such as trades.")],
    param: Annotated[
        list[str] | None, typer.Option(help="name=value, as in the trigger form; repeatable.")
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            min=0,
            show_default="no end",
            help="Seconds to follow the run, which goes on after them.",
        ),
    ] = inf,
    as_json: AsJson = False,
) -> None:
    """Trigger a DAG with params, follow this run to its end, and sum it up."""
    settings = load_settings()
    console = Console(stderr=as_json, highlight=False)
    conf = dict(_parse(text) for text in param or [])
    with watch_tasks(console) as watch:
        followed = run_pipeline(settings, conf, watch, saying(console), dag_id, timeout)
    _conclude(followed, console, as_json=as_json)


def _parse(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--param {text!r}: must be name=value")
    return name, {"true": True, "false": False, "null": None}.get(value, value)


def _conclude(followed: FollowedRuns, console: Console, *, as_json: bool) -> None:
    """Print the summary; raise with task, last lines and log file when a run has failed."""
    if followed.failed:
        raise AssayError(explain_failure(load_settings(), followed.failed[0]))
    reports = [
        report
        for report in followed.reports
        if report.files or report.slices or report.state != EMPTY
    ]
    if as_json:
        print(json.dumps([dataclasses.asdict(report) for report in reports], indent=1))
    elif not reports:
        console.print("nothing new: no file was waiting, no row has landed")
    else:
        beside = max(1, (console.width - LABEL_WIDTH) // BATCH_WIDTH)
        for first in range(0, len(reports), beside):
            console.print(summary_table(*reports[first : first + beside]))


def summary_table(*reports: BatchReport) -> Table:
    """What became of each batch, for a person; a column for every batch."""
    table = Table()
    table.add_column("", no_wrap=True)
    for report in reports:
        parts = "\n".join(report.batch_id.rsplit("_", 2))  # pipeline, day, run
        table.add_column(parts, justify="right", overflow="fold")
    numbers = [_numbers(report) for report in reports]
    for name in dict.fromkeys(name for each in numbers for name in each):
        table.add_row(name, *(each.get(name, "") for each in numbers))
    table.add_section()
    for task in dict.fromkeys(task for report in reports for task in report.task_seconds):
        seconds = (report.task_seconds.get(task) for report in reports)
        table.add_row(f"seconds of {task}", *("" if s is None else f"{s:.1f}" for s in seconds))
    return table


def _numbers(report: BatchReport) -> dict[str, str]:
    numbers = {
        "files": report.files,
        **({"slices": report.slices} if report.slices else {}),
        "files seen before": report.duplicate_files,
        "files rejected": report.rejected_files,
        "records": report.records,
        **report.classes,
        **report.gold_rows,
    }
    texts = {name: f"{number:,}" for name, number in numbers.items()}
    facts = {"state": report.state, **texts, "release": str(report.release_id or "-")}
    return {**facts, "executors": str(report.executors)} if report.executors else facts

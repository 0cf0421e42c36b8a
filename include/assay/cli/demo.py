"""`assay demo` and `assay trigger`: run the DAG as a user would, and show what came of it."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from assay.cli.progress import watch_tasks
from assay.demo import FollowedRuns, deliver_samples, explain_failure, run_pipeline
from assay.errors import AssayError, SettingsError
from assay.ledger.reports import BatchReport
from assay.settings import load_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)
    app.command()(trigger)


def demo(
    files: Annotated[int, typer.Option(help="Number of sample files.")] = 12,
    rows: Annotated[int, typer.Option(help="Records of each file.")] = 2_000,
    as_json: AsJson = False,
) -> None:
    """From nothing to a published release; the stack stays up afterwards."""
    from assay.cli.generate import reporting
    from assay.cli.stack import say, url
    from assay.stack.supervisor import up

    settings = load_settings()
    console = Console(stderr=as_json, highlight=False)
    up(settings, say)
    with reporting("trades files") as progress:
        deliver_samples(settings, files, rows, say, progress)
    with watch_tasks(console) as watch:
        followed = run_pipeline(settings, {}, watch)
    _conclude(followed, console, as_json=as_json)
    if not as_json:
        url()


def trigger(
    dag_id: Annotated[str, typer.Argument(help="The DAG, such as trades.")],
    param: Annotated[
        list[str] | None, typer.Option(help="name=value, as in the trigger form; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Trigger a DAG with params, follow it to its end, and sum it up."""
    settings = load_settings()
    console = Console(stderr=as_json, highlight=False)
    conf = dict(_parse(text) for text in param or [])
    with watch_tasks(console) as watch:
        followed = run_pipeline(settings, conf, watch, dag_id)
    _conclude(followed, console, as_json=as_json, dag_id=dag_id)


def _parse(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--param {text!r}: must be name=value")
    return name, {"true": True, "false": False, "null": None}.get(value, value)


def _conclude(
    followed: FollowedRuns, console: Console, *, as_json: bool, dag_id: str = "trades"
) -> None:
    """Print the summary; raise with task, last lines and log file when a run has failed."""
    if followed.failed:
        settings = load_settings()
        raise AssayError(explain_failure(settings, followed.failed[0], dag_id))
    reports = [report for report in followed.reports if report.files or report.state != "EMPTY"]
    if as_json:
        print(json.dumps([dataclasses.asdict(report) for report in reports], indent=1))
    elif not reports:
        console.print("nothing new: no file was waiting, no row has landed")
    for report in reports:
        console.print(summary_table(report))


def summary_table(report: BatchReport) -> Table:
    """What became of a batch, for a person."""
    table = Table(title=f"{report.batch_id}: {report.state}", show_header=False, title_style="bold")
    table.add_column(justify="left")
    table.add_column(justify="right")
    numbers = {
        "files": report.files,
        "files seen before": report.duplicate_files,
        "files rejected": report.rejected_files,
        "records": report.records,
        **report.classes,
        **report.gold_rows,
    }
    for name, number in numbers.items():
        table.add_row(name, f"{number:,}")
    table.add_row("release", str(report.release_id or "-"))
    table.add_section()
    for task, seconds in report.task_seconds.items():
        table.add_row(f"seconds of {task}", f"{seconds:.1f}")
    return table

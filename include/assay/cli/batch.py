"""`assay batch`: see batches, and the ways out of a stuck one."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import psycopg
import typer
from rich.console import Console

from assay.cli.demo import summary_table
from assay.cli.lists import Column, Wide, number, print_list, whole
from assay.errors import BatchError
from assay.home.dsn import dsn
from assay.ledger import deliveries
from assay.ledger.actions import Action
from assay.ledger.names import batch_named
from assay.ledger.views.batches import CLASSES, BatchReport, batch_reports
from assay.operations.asked_by import person_at_terminal
from assay.operations.runs import read_reports
from assay.settings import load_settings
from assay.words import count

app = typer.Typer(no_args_is_help=True, help="See batches, and the ways out of a stuck one.")
BatchId = Annotated[
    str, typer.Argument(help="The batch: its number in `assay batch list`, or its id.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Why = Annotated[str, typer.Option(help="The reason, for the ledger.")]
OnlyPipeline = Annotated[
    str | None, typer.Option(help="Only of this pipeline, which is the name of its DAG.")
]
NARROW = [
    number("batch"),
    Column("pipeline"),
    whole("day"),
    whole("state"),
    number("records"),
    Column("note"),
]
WIDE = [
    number("batch"),
    whole("id"),
    whole("state"),
    *map(number, ("files", "slices", "seen before", "rejected", "records", *CLASSES, "release")),
    whole("run"),
    Column("error"),
]


@app.command("list")
def list_batches(
    pipeline: OnlyPipeline = None, wide: Wide = False, as_json: AsJson = False
) -> None:
    """List every batch with its state and numbers."""
    reports = read_reports(load_settings(), pipeline)
    if as_json:
        print(json.dumps([dataclasses.asdict(report) for report in reports], indent=1))
    elif wide:
        print_list(WIDE, map(_wide_row, reports), wide=True)
    else:
        print_list(NARROW, map(_narrow_row, reports))


def _narrow_row(report: BatchReport) -> list[object]:
    r = report
    notes = [
        f"release {r.release_id}" if r.release_id else "",
        f"{count(r.rejected_files, 'file')} rejected" if r.rejected_files else "",
        r.error or "",
    ]
    note = "; ".join(filter(None, notes))
    return [str(r.number), r.pipeline, r.day, r.state, r.records, note]


def _wide_row(report: BatchReport) -> list[object]:
    r = report
    files = [r.files, r.slices, r.duplicate_files, r.rejected_files]
    records = [r.records, *(r.classes[name] for name in CLASSES)]
    release = str(r.release_id or "")
    return [str(r.number), r.batch_id, r.state, *files, *records, release, r.run_id, r.error]


@app.command()
def show(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Show one batch in full."""
    with psycopg.connect(dsn(load_settings(), "assay_reader")) as connection:
        try:
            found = batch_named(connection, batch_id)
        except BatchError as error:
            raise typer.BadParameter(str(error)) from None
        (report,) = batch_reports(connection, batch=found)
        files = deliveries(connection, found)
    if as_json:
        print(json.dumps(dataclasses.asdict(report), indent=1))
        return
    console = Console(highlight=False)
    console.print(f"batch {report.number}: {found}", soft_wrap=True)
    console.print(summary_table(report))
    for file in files:
        name = file.slice_id[:12] if file.kind == "file" else file.slice_id
        console.print(f"{name}  {file.verdict}  {file.source_file!r}", soft_wrap=True)
    if report.error:
        console.print(report.error, soft_wrap=True)


@app.command()
def retry(
    batch_id: BatchId,
    why: Annotated[str, typer.Option(help="The reason, for the ledger.")] = "tried again",
    as_json: AsJson = False,
) -> None:
    """Have Airflow run the batch again, from the first task that it still needs."""
    _act(batch_id, "retry", why, as_json=as_json)


@app.command()
def abandon(batch_id: BatchId, why: Why, as_json: AsJson = False) -> None:
    """Give up a batch: its files become pending again."""
    _act(batch_id, "abandon", why, as_json=as_json)


@app.command("reject-file")
def reject(
    batch_id: BatchId,
    file: Annotated[str, typer.Argument(help="Its name, or the beginning of its sha256.")],
    why: Why,
    as_json: AsJson = False,
) -> None:
    """Let a stuck batch go on without one of its files; then retry it."""
    _act(batch_id, "reject-file", why, file, as_json=as_json)


def _act(batch_id: str, action: Action, why: str, file: str = "", *, as_json: bool) -> None:
    """The same as the DAG batch_actions does."""
    from assay.operations.act import Asked, act, find_batch

    settings, who = load_settings(), person_at_terminal()
    with psycopg.connect(dsn(settings, "assay_loader"), autocommit=True) as connection:
        found = find_batch(connection, batch_id, None)
        done = act(settings, connection, Asked(found, action, who, why, file))
    print(json.dumps({"batch_id": found, "action": action, "done": done}) if as_json else done)

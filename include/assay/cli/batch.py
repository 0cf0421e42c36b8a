"""`assay batch`: see batches, and the ways out of a stuck one."""

from __future__ import annotations

import dataclasses
import getpass
import json
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Column, Table

from assay.cli.demo import summary_table
from assay.demo import read_reports
from assay.ledger import deliveries
from assay.ledger.actions import Action
from assay.settings import load_settings
from assay.stack.postgres import dsn

app = typer.Typer(no_args_is_help=True, help="See batches, and the ways out of a stuck one.")
BatchId = Annotated[str, typer.Argument(help="The batch, as `assay batch list` names it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Why = Annotated[str, typer.Option(help="The reason, for the ledger.")]
OnlyPipeline = Annotated[
    str | None, typer.Option(help="Only of this pipeline, which is the name of its DAG.")
]


@app.command("list")
def list_batches(pipeline: OnlyPipeline = None, as_json: AsJson = False) -> None:
    """List every batch with its state and numbers."""
    reports = read_reports(load_settings(), pipeline)
    if as_json:
        print(json.dumps([dataclasses.asdict(report) for report in reports], indent=1))
        return
    kept_whole = ("batch", "state", "files", "records", "release")
    table = Table(*(Column(name, no_wrap=True) for name in kept_whole), "error")
    for r in reports:
        release = str(r.release_id or "-")
        error = (r.error or "")[:80]
        table.add_row(r.batch_id, r.state, f"{r.files:,}", f"{r.records:,}", release, error)
    Console().print(table)


@app.command()
def show(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Show one batch in full."""
    found = [r for r in read_reports(load_settings()) if r.batch_id == batch_id]
    if not found:
        raise typer.BadParameter(f"{batch_id}: no such batch; see assay batch list")
    if as_json:
        print(json.dumps(dataclasses.asdict(found[0]), indent=1))
        return
    with psycopg.connect(dsn(load_settings(), "assay_reader")) as connection:
        files = deliveries(connection, batch_id)
    Console().print(summary_table(found[0]))
    console = Console(highlight=False)
    for file in files:
        console.print(f"{file.file_id[:12]}  {file.verdict}  {file.source_file!r}", soft_wrap=True)
    if found[0].error:
        console.print(found[0].error, soft_wrap=True)


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
    from assay.actions import Asked, act, find_batch

    settings = load_settings()
    with psycopg.connect(dsn(settings, "assay_loader"), autocommit=True) as connection:
        found = find_batch(connection, batch_id, None)
        done = act(settings, connection, Asked(found, action, getpass.getuser(), why, file))
    print(json.dumps({"batch_id": found, "action": action, "done": done}) if as_json else done)

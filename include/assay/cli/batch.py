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
from assay.settings import load_settings
from assay.stack.postgres import dsn

app = typer.Typer(no_args_is_help=True, help="See batches, and the ways out of a stuck one.")
BatchId = Annotated[str, typer.Argument(help="The batch, as `assay batch list` names it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
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
    Console().print(summary_table(found[0]))
    if found[0].error:
        Console(highlight=False).print(found[0].error)


@app.command()
def retry(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Have Airflow run the batch again, from the first task that it still needs."""
    from assay.retry import retry_batch

    settings = load_settings()
    with psycopg.connect(dsn(settings, "assay_reader")) as connection:
        task_id = retry_batch(settings, connection, batch_id)
    text = f"{batch_id}: cleared {task_id} and all after it; see assay batch show {batch_id}"
    _tell(text, {"batch_id": batch_id, "cleared": task_id}, as_json=as_json)


@app.command()
def abandon(
    batch_id: BatchId,
    why: Annotated[str, typer.Option(help="The reason, for the ledger.")],
    as_json: AsJson = False,
) -> None:
    """Give up a batch: its files become pending again."""
    from assay.landing.ways_out import abandon_batch

    settings = load_settings()
    with psycopg.connect(dsn(settings, "assay_loader"), autocommit=True) as connection:
        returned = abandon_batch(settings, connection, batch_id, getpass.getuser(), why)
    text = f"{batch_id}: abandoned; {returned} files are pending again"
    _tell(text, {"batch_id": batch_id, "returned_files": returned}, as_json=as_json)


@app.command("reject-file")
def reject(
    batch_id: BatchId,
    file_id: Annotated[str, typer.Argument(help="sha256 of the file, as in ops.batch_file.")],
    why: Annotated[str, typer.Option(help="The reason, for the ledger.")],
    dataset: Annotated[
        str,
        typer.Option(help="Where several datasets of the batch got the same content: of which."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Let a stuck batch go on without one of its files."""
    from assay.landing.ways_out import reject_file

    settings = load_settings()
    with psycopg.connect(dsn(settings, "assay_loader"), autocommit=True) as connection:
        name = reject_file(settings, connection, batch_id, file_id, why, dataset)
    text = f"{batch_id}: goes on without {name!r}; run assay batch retry {batch_id}"
    _tell(text, {"batch_id": batch_id, "rejected": name}, as_json=as_json)


def _tell(text: str, facts: dict[str, object], *, as_json: bool) -> None:
    print(json.dumps(facts) if as_json else text)

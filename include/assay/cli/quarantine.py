"""`assay quarantine`: what is in it. `assay replay | patch | waive`: the ways out of it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console

from assay.cli.lists import Column, Wide, number, print_list, whole
from assay.cli.progress import saying, watch_tasks
from assay.errors import AssayError
from assay.home.dsn import dsn
from assay.ledger import summary_of_run
from assay.ledger.names import batch_named
from assay.ledger.views.quarantine import Filter, count_rows, open_rows
from assay.operations import movements
from assay.operations.asked_by import person_at_terminal
from assay.operations.movements import RunRequest
from assay.operations.runs import explain_failure, run_pipeline
from assay.quarantine.patch_form import export_rows
from assay.settings import load_settings
from assay.words import count

app = typer.Typer(no_args_is_help=True, help="See the records that broke a rule.")
Dataset = Annotated[str, typer.Option(help="The dataset, such as trades.")]
OnlyDataset = Annotated[str | None, typer.Option("--dataset", help="Only of this dataset.")]
OnlyBatch = Annotated[str | None, typer.Option("--batch", help="Only what this batch put there.")]
OnlyReason = Annotated[
    str | None, typer.Option("--reason", help="Only with this reason, such as price.missing.")
]
Why = Annotated[str, typer.Option(help="The reason, for the ledger; 3 to 200 characters.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def register(parent: typer.Typer) -> None:
    """Add the commands of this module."""
    parent.add_typer(app, name="quarantine")
    for command in (replay, patch, waive):
        parent.command()(command)


@app.command("list")
def list_reasons(
    dataset: OnlyDataset = None,
    batch: OnlyBatch = None,
    reason: OnlyReason = None,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Count rows by dataset, batch and reason; a row with several reasons counts for each."""
    with _reader() as connection:
        counts = count_rows(connection, _filter(connection, dataset, batch, reason))
    if as_json:
        print(json.dumps([*map(asdict, counts)], indent=1))
        return
    batches = [whole("id")] if wide else []
    left = ["replayed", "patched", "waived"] if wide else []
    columns = [Column("dataset"), number("batch"), *batches, Column("reason")]
    rows = (
        [
            row.dataset,
            str(row.number),
            *(row.batch_id for _ in batches),
            row.reason,
            *(getattr(row, name) for name in ("quarantined", "open", *left)),
        ]
        for row in counts
    )
    print_list([*columns, *map(number, ("rows", "open", *left))], rows, wide=wide)


@app.command()
def show(
    dataset: OnlyDataset = None,
    batch: OnlyBatch = None,
    reason: OnlyReason = None,
    limit: Annotated[int, typer.Option(help="How many rows at most.", min=1)] = 10,
    as_json: AsJson = False,
) -> None:
    """Show open rows: file, record number, all reasons, and the text as delivered."""
    with _reader() as connection:
        rows = [*open_rows(connection, _filter(connection, dataset, batch, reason), limit)]
    if as_json:
        print(json.dumps([*map(asdict, rows)], indent=1))
        return
    for row in rows:
        print(f"{row.source_file}, record {row.record_number:,}, batch {row.batch_id}")
        print(f"  row_id   {row.row_id}\n  reasons  {', '.join(row.reasons)}")
        print(f"  text     {row.raw}")


@app.command()
def export(
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="The file to write.")],
    batch: OnlyBatch = None,
    reason: OnlyReason = None,
    file_format: Annotated[str, typer.Option("--format", help="csv or jsonl.")] = "csv",
    as_json: AsJson = False,
) -> None:
    """Write open rows as a patch has them: correct the file and give it to assay patch."""
    with _reader() as connection:
        wanted = _filter(connection, dataset, batch, reason)
        rows = export_rows(connection, dataset, wanted, file_format, out)
    told = f"{count(rows, 'row')} in {out}"
    print(json.dumps({"rows": rows, "path": str(out)}) if as_json else told)


def replay(
    dataset: Dataset,
    batch: OnlyBatch = None,
    reason: OnlyReason = None,
    why: Annotated[str | None, typer.Option(help="The reason, for the ledger.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would leave quarantine.")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge quarantined rows by today's rules; those that are good now go on like any other."""
    with _reader() as connection:
        who = person_at_terminal()
        request = movements.replay(
            connection, dataset, who, batch=batch, reason=reason, why=why, dry_run=dry_run
        )
    _run(request, as_json=as_json)


def waive(
    dataset: Dataset,
    why: Why,
    batch: OnlyBatch = None,
    reason: OnlyReason = None,
    as_json: AsJson = False,
) -> None:
    """Leave quarantined rows out for good."""
    with _reader() as connection:
        request = movements.waive(
            connection, dataset, person_at_terminal(), why, batch=batch, reason=reason
        )
    _run(request, as_json=as_json)


def patch(
    file: Annotated[Path, typer.Argument(help="Corrected records, with a column row_id.")],
    dataset: Dataset,
    why: Why,
    as_json: AsJson = False,
) -> None:
    """Deliver corrected records in place of quarantined rows."""
    with _reader() as connection:
        request = movements.patch(
            load_settings(), connection, dataset, file, person_at_terminal(), why
        )
    _run(request, as_json=as_json)


def _filter(
    connection: psycopg.Connection[Any],
    dataset: str | None,
    batch: str | None,
    reason: str | None,
) -> Filter:
    return Filter(dataset, batch and batch_named(connection, batch), reason)


def _run(request: RunRequest, *, as_json: bool) -> None:
    """Start the run, follow it to its end, and say what it did."""
    settings, pipeline = load_settings(), request.dag_id
    console = Console(stderr=as_json, highlight=False)
    with watch_tasks(console) as watch:
        followed = run_pipeline(settings, request.conf, watch, saying(console), pipeline)
    if followed.failed:
        raise AssayError(explain_failure(settings, followed.failed[0]))
    with _reader() as connection:
        told = {
            run.run_id: summary_of_run(connection, pipeline, run.run_id) for run in followed.runs
        }
    if as_json:
        batches = [dataclasses.asdict(report) for report in followed.reports]
        print(json.dumps({"batches": batches, "summaries": told}, indent=1))
    else:
        print("\n".join(told.values()))


def _reader() -> psycopg.Connection[Any]:
    return psycopg.connect(dsn(load_settings(), "assay_reader"), autocommit=True)

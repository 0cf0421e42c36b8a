"""`assay lake`: what is to be done about the lake as a whole."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import psycopg
import typer

from assay.home.dsn import dsn
from assay.operations.asked_by import person_at_terminal
from assay.settings import load_settings
from assay.words import count

app = typer.Typer(no_args_is_help=True, help="The lake as a whole.")


@app.callback()
def _group() -> None:
    """Keeps `adopt` a command of its own while it is the only one."""


@app.command()
def adopt(
    pipeline: Annotated[str, typer.Argument(help="The pipeline, by the name of its DAG.")],
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="A dataset of it; for each one. Known from its batches."),
    ] = None,
    renamed_from: Annotated[
        str, typer.Option(help="The name that its DAG had: batches and releases go with it.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Let a pipeline go on with tables that another, or one of the same name, has written."""
    from assay.maintenance.adoption import adopt_lake

    settings = load_settings()
    with psycopg.connect(dsn(settings, "assay_loader"), autocommit=True) as connection:
        done = adopt_lake(
            settings,
            connection,
            pipeline,
            person_at_terminal(),
            datasets=dataset or [],
            renamed_from=renamed_from,
        )
    if as_json:
        print(json.dumps(dataclasses.asdict(done)))
        return
    for table, (version, epoch) in done.tables.items():
        print(f"{table}: version {version}, highest epoch {epoch}")
    if done.took_over:
        print(f"{pipeline} took over {count(done.took_over, 'batch')} of {renamed_from}")
    print(f"{pipeline}: its lease was at epoch {done.epoch_before}, and is at {done.epoch}")

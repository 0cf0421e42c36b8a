"""`assay export`: a released table as a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import psycopg
import typer
from rich.console import Console

from assay.home.dsn import dsn
from assay.settings import load_settings
from assay.words import count

if TYPE_CHECKING:
    from assay.operations.export import Progress


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("export")(export)


def export(
    table: Annotated[str, typer.Argument(help="The table, such as gold.adjusted_prices.")],
    out: Annotated[Path, typer.Option(help="Folder of the file; made when it is not there.")],
    file_format: Annotated[str, typer.Option("--format", help="csv, parquet or jsonl.")] = "csv",
    as_of: Annotated[
        int | None, typer.Option(help="As it was at this release (default: the current one).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a released table to a file, as it was at a release."""
    from assay.operations.export import export_table

    settings = load_settings()
    with (
        psycopg.connect(dsn(settings, "assay_reader"), autocommit=True) as connection,
        counting_rows() as progress,
    ):
        done = export_table(
            settings, connection, table, file_format, out, as_of=as_of, progress=progress
        )
    if as_json:
        print(json.dumps(dataclasses.asdict(done), default=str))
    else:
        print(
            f"{done.table}: {count(done.rows, 'row')} of release {done.release_id} in {done.path}"
        )


@contextmanager
def counting_rows() -> Iterator[Progress | None]:
    """A line with the rows so far on a terminal, nothing elsewhere; never on standard output."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield None
        return
    with console.status("reading the lake") as line:
        yield lambda table, rows: line.update(f"{table}: {count(rows, 'row')}")

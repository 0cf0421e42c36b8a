"""`assay generate`: landing files with known defects, and the truth about them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from assay.errors import SettingsError
from assay.generate.options import TradeOptions
from assay.generate.trades import Progress as Report
from assay.generate.trades import generate_trades
from assay.generate.truth import Truth
from assay.settings import load_settings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def name_the_group() -> None:
    """Generate landing files with known defects."""


@app.command()
def trades(
    files: Annotated[int, typer.Option(help="Number of files.")] = 200,
    rows: Annotated[int, typer.Option(help="Records of each file, in total.")] = 10_000,
    customers: Annotated[int, typer.Option(help="Number of customers.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Same seed and options, same bytes.")] = 7,
    start: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"], help="First day of the trades.", show_default="2026-01-01"
        ),
    ] = datetime(2026, 1, 1),
    days: Annotated[int, typer.Option(help="Number of days.")] = 30,
    defects: Annotated[float, typer.Option(help="Share of bad records, over all classes.")] = 0.01,
    duplicates: Annotated[float, typer.Option(help="Share of exact copies.")] = 0.005,
    updates: Annotated[float, typer.Option(help="Share of newer versions.")] = 0.01,
    late: Annotated[float, typer.Option(help="Share of older versions, which lose.")] = 0.01,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the files (default: landing/trades of the home).")
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="Truth file (default: beside --out; else truth/trades.json)."),
    ] = None,
    damaged: Annotated[bool, typer.Option(help="Add files that cannot be taken.")] = False,
    gzip_every: Annotated[int, typer.Option(help="Compress every n-th file; 0 for none.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Write trade files into landing, and outside it the truth: what must become of them."""
    settings = load_settings()
    if out is None:
        out = settings.landing / "trades"
        truth = truth or settings.home / "truth" / "trades.json"
    try:
        options = TradeOptions(
            out=out,
            truth=truth,
            files=files,
            rows=rows,
            customers=customers,
            seed=seed,
            start=start.date(),
            days=days,
            defects=defects,
            duplicates=duplicates,
            updates=updates,
            late=late,
            damaged=damaged,
            gzip_every=gzip_every,
        )
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    with reporting() as report:
        made = generate_trades(options, progress=report)
    print(json.dumps(made.summary, indent=1) if as_json else _describe(made))


@contextmanager
def reporting() -> Iterator[Report | None]:
    """A live bar on a terminal, nothing elsewhere; it never goes to standard output."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("trade files", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _describe(truth: Truth) -> str:
    classes = ", ".join(f"{records:,} {name}" for name, records in truth.classes.items() if records)
    rejected = f", {len(truth.rejected)} damaged files" if truth.rejected else ""
    return (
        f"{truth.records:,} records in {len(truth.files):,} files{rejected}"
        f" in {truth.options.out}\n"
        f"as one batch: {classes}\n"
        f"truth: {truth.options.truth_path}"
    )

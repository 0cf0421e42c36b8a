"""`assay bench`: speed and memory, as ratios."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from assay.bench.figures import RATIO_COLUMNS, PartResult
from assay.bench.machine import describe_machine
from assay.bench.parts import Part, results_path, run_parts, write_results
from assay.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(bench)


def bench(
    parts: Annotated[
        list[Part] | None,
        typer.Argument(help="What to measure; all but stream_soak when not given."),
    ] = None,
    files: Annotated[int, typer.Option(min=1, help="Number of files of the full load.")] = 200,
    rows: Annotated[int, typer.Option(min=100, help="Records of each file.")] = 10_000,
    before: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A checkout that the part before needs."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure speed and memory against baselines on this machine; takes about an hour.

    Works in a home of its own, next to a stack that may be running, and removes it afterwards.
    Exits with 1 when a part could not run.
    """
    from assay.cli.stack import say

    # As on Ctrl-C: what the bench has started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = load_settings()
    machine = describe_machine(settings)
    path = results_path(settings)

    def keep(results: Sequence[PartResult]) -> dict[str, object]:
        return write_results(path, machine, results, files=files, rows=rows)

    results = run_parts(settings, _asked(parts, before), files, rows, say, keep, before)
    if as_json:
        print(json.dumps(keep(results), indent=1))
    else:
        _show(results, machine)
    say(f"results: {path}")
    if any(result.trouble for result in results):
        raise typer.Exit(1)


def _asked(parts: list[Part] | None, before: Path | None) -> list[Part]:
    left_out = {Part.stream_soak, *(() if before else (Part.before,))}
    return parts or [part for part in Part if part not in left_out]


def _show(results: list[PartResult], machine: dict[str, str]) -> None:
    console = Console(highlight=False)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), style="dim")
    table = Table(box=None)
    for column in RATIO_COLUMNS:
        table.add_column(column, no_wrap=column != "figure")
    for result in results:
        for ratio in result.ratios:
            table.add_row(*ratio.as_row())
    console.print(table)
    for result in results:
        for breakdown in result.breakdowns:
            inner = Table(*breakdown.columns, title=breakdown.title, box=None, min_width=60)
            for row in breakdown.rows:
                inner.add_row(*row)
            console.print(inner)
        for note in result.notes:
            console.print(f"{result.part}: {note}", style="dim")
        if result.trouble:
            console.print(f"{result.part} could not run: {result.trouble}", style="red")

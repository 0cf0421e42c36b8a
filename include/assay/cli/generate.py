"""`assay generate`: landing files with known defects, and the truth about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from typer.core import TyperCommand, TyperGroup

from assay.errors import SettingsError
from assay.generate.options import SetOptions
from assay.generate.recipe import Recipe
from assay.generate.recipes import generated_datasets, recipe_of
from assay.generate.truth import Truth
from assay.generate.write import Progress as Report
from assay.generate.write import generate
from assay.settings import load_settings
from assay.words import count

Files = Annotated[int | None, typer.Option(help="Number of files.")]
Rows = Annotated[int | None, typer.Option(help="Records of each file, in total.")]
Customers = Annotated[
    int | None, typer.Option(help="Number of customers, users, or companies of stocks and funds.")
]
Seed = Annotated[int | None, typer.Option(help="Same seed and options, same bytes.")]
Start = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day of the records.")
]
Days = Annotated[int | None, typer.Option(help="Number of days.")]
Defects = Annotated[float | None, typer.Option(help="Share of bad records, over all classes.")]
Duplicates = Annotated[float | None, typer.Option(help="Share of exact copies.")]
Updates = Annotated[float | None, typer.Option(help="Share of newer versions.")]
Late = Annotated[float | None, typer.Option(help="Share of older versions, which lose.")]
Shape = Annotated[str | None, typer.Option(help="Shape of the files, where there are several.")]
Out = Annotated[
    Path | None, typer.Option(help="Folder of the files (default: landing of the home).")
]
TruthFile = Annotated[
    Path | None,
    typer.Option(help="Truth file (default: beside --out; else truth/ of the home)."),
]
Damaged = Annotated[bool, typer.Option(help="Add files that cannot be taken.")]
GzipEvery = Annotated[int | None, typer.Option(help="Compress every n-th file; 0 for none.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]


class Generators(TyperGroup):
    """A command for each dataset that has a generator, made when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return generated_datasets()

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        if cmd_name not in generated_datasets():
            return None
        recipe = recipe_of(cmd_name)
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name, help=describe_defaults(recipe))(command_for(recipe))
        return cast("TyperCommand", typer.main.get_command(alone))


app = typer.Typer(no_args_is_help=True, cls=Generators)


@app.callback()
def name_the_group() -> None:
    """Generate landing files with known defects, and the truth: what must become of them."""


def command_for(recipe: Recipe) -> Callable[..., None]:
    """The command of one dataset; all datasets have the same options."""

    def command(
        files: Files = None,
        rows: Rows = None,
        customers: Customers = None,
        seed: Seed = None,
        start: Start = None,
        days: Days = None,
        defects: Defects = None,
        duplicates: Duplicates = None,
        updates: Updates = None,
        late: Late = None,
        shape: Shape = None,
        out: Out = None,
        truth: TruthFile = None,
        damaged: Damaged = False,
        gzip_every: GzipEvery = None,
        as_json: AsJson = False,
    ) -> None:
        given = dict(locals())
        names = {option.name for option in fields(SetOptions)}
        options = read_options(
            recipe, {name: given[name] for name in names if given[name] is not None}
        )
        with reporting(f"{recipe.dataset} files") as report:
            made = generate(recipe.dataset, options, progress=report)
        print(json.dumps(made.summary, indent=1) if as_json else _describe(made))

    return command


def describe_defaults(recipe: Recipe) -> str:
    """The help of a dataset's command."""
    lines = [recipe.summary]
    for shape in recipe.defaults:
        options = recipe.options(Path("landing"), shape=shape)
        values = (f"{f.name} {getattr(options, f.name)}" for f in fields(options)[2:-1])
        lines.append(f"Defaults{f' of shape {shape}' if shape else ''}: {', '.join(values)}.")
    return "\n\n".join(lines)


def read_options(recipe: Recipe, given: dict[str, Any]) -> SetOptions:
    """The options of a set; without a folder it goes to the home's landing."""
    if "out" not in given:
        settings = load_settings()
        if not isinstance(settings.landing, Path):
            raise typer.BadParameter(f"landing is {settings.landing}: give --out, and upload that")
        given["out"] = settings.landing / recipe.dataset
        given.setdefault("truth", settings.home / "truth" / f"{recipe.dataset}.json")
    if "start" in given:
        given["start"] = given["start"].date()
    try:
        return recipe.options(**given)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error


@contextmanager
def reporting(what: str) -> Iterator[Report | None]:
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
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _describe(truth: Truth) -> str:
    classes = ", ".join(f"{records:,} {name}" for name, records in truth.classes.items() if records)
    rejected = f", {count(len(truth.rejected), 'damaged file')}" if truth.rejected else ""
    return (
        f"{count(truth.records, 'record')} in {count(len(truth.files), 'file')}{rejected}"
        f" in {truth.options.out}\n"
        f"as one batch: {classes}\n"
        f"truth: {truth.options.truth_path}"
    )

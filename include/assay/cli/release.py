"""`assay release`: see releases, and take them back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import psycopg
import typer
from rich.console import Console

from assay.cli.lists import Column, Wide, number, print_list, whole
from assay.cli.progress import watch_tasks
from assay.errors import AssayError, BatchError
from assay.home.dsn import dsn
from assay.ledger.views import releases as views
from assay.operations.asked_by import for_person, person_at_terminal
from assay.operations.runs import explain_failure, run_pipeline
from assay.settings import load_settings
from assay.words import count

app = typer.Typer(no_args_is_help=True, help="See releases, and go back to an earlier one.")
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("list")
def list_releases(
    pipeline: Annotated[
        str | None, typer.Option(help="Only of this pipeline, which is the name of its DAG.")
    ] = None,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """List every release, which of them readers see, and which were taken back."""
    releases = _read(pipeline=pipeline)
    if as_json:
        print(json.dumps([*map(asdict, releases)], indent=1))
        return
    batches = [whole("id of the batch")] if wide else []
    columns = [number("release"), Column("pipeline"), number("batch"), *batches]
    rows = (
        [
            str(each.release_id),
            each.pipeline,
            str(each.batch_number),
            *(each.batch_id for _ in batches),
            each.released_at[:16],
            _state(each),
        ]
        for each in releases
    )
    print_list([*columns, whole("released"), Column("state")], rows, wide=wide)


@app.command()
def show(
    release: Annotated[int, typer.Argument(help="Its number in `assay release list`.")],
    as_json: AsJson = False,
) -> None:
    """Show one release: its tables with their versions and rows, and what became of it."""
    found = _read(release=release)
    if not found:
        raise BatchError(f"release {release}: no such release; see assay release list")
    if as_json:
        print(json.dumps(asdict(found[0]), indent=1))
        return
    each = found[0]
    print(f"release {release} of {each.pipeline}, batch {each.batch_id}, {_state(each)}")
    if each.rolled_back_at:
        print(f"taken back by {each.who} at {each.rolled_back_at[:16]}: {each.why}")
    for name, version in sorted(each.versions.items()):
        print(f"  {name} version {version}")
    for name, rows in sorted(each.counts.items()):
        print(f"  {name}: {count(rows, 'row')}")


@app.command()
def rollback(
    why: Annotated[str, typer.Option(help="The reason, for the books; 3 to 200 characters.")],
    to: Annotated[int | None, typer.Option(help="The release to go back to.")] = None,
    batch: Annotated[
        str | None, typer.Option(help="The newest batch, released or not, that shall go.")
    ] = None,
    give_back_files: Annotated[
        bool, typer.Option("--give-back-files", help="Files are pending again, not archived.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier release, or undo the newest batch: lake, Postgres and books.

    Runs the DAG release_rollback, and follows it. After an interruption, run the same again.
    """
    if (to is None) == (batch is None):
        raise typer.BadParameter("give either --to RELEASE or --batch BATCH")
    from assay.cli.stack import say

    settings = load_settings()
    conf: dict[str, object] = {"why": why, "give_back_files": give_back_files}
    conf |= {"to_release": to} if batch is None else {"batch": batch}
    conf = for_person(conf, person_at_terminal())
    with watch_tasks(Console(stderr=as_json, highlight=False)) as watch:
        followed = run_pipeline(settings, conf, watch, say, "release_rollback")
    if followed.failed:
        raise AssayError(explain_failure(settings, followed.failed[0]))
    current = [each for each in _read() if each.is_current]
    if as_json:
        print(json.dumps([*map(asdict, current)], indent=1))
        return
    for each in current:
        print(f"{each.pipeline}: readers see release {each.release_id}")


def _state(release: views.ReleaseView) -> str:
    if release.rollback_id:
        return f"rolled back by {release.who}"
    return "current" if release.is_current else "past"


def _read(pipeline: str | None = None, release: int | None = None) -> list[views.ReleaseView]:
    with psycopg.connect(dsn(load_settings(), "assay_reader")) as connection:
        return views.list_releases(connection, pipeline, release)

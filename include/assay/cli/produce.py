"""`assay produce`: events at a steady pace into landing, Kafka or the gateway, and their truth."""

from __future__ import annotations

import dataclasses
import json
import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.generate import reporting
from assay.errors import SettingsError
from assay.settings import Settings, load_settings
from assay.words import count

if TYPE_CHECKING:
    from assay.produce.run import Produced
    from assay.produce.targets import Target


class Where(StrEnum):
    """Where events go."""

    landing = "landing"
    kafka = "kafka"
    gateway = "gateway"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(produce)


def produce(
    dataset: Annotated[str, typer.Argument(help="A dataset that has a generator.")],
    to: Annotated[Where, typer.Option(help="Where events go.")],
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="Events a second.")] = 100,
    seconds: Annotated[int, typer.Option(min=1, help="For how long.")] = 60,
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same events; by default, new ones each time.")
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Day of the events (default: yesterday, UTC)."),
    ] = None,
    customers: Annotated[int | None, typer.Option(help="Number of customers or users.")] = None,
    defects: Annotated[float | None, typer.Option(help="Share of bad events.")] = None,
    duplicates: Annotated[float | None, typer.Option(help="Share of exact copies.")] = None,
    updates: Annotated[float | None, typer.Option(help="Share of newer versions.")] = None,
    late: Annotated[float | None, typer.Option(help="Share of older versions.")] = None,
    shape: Annotated[str | None, typer.Option(help="Shape, where there are several.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Truth file (default: in the home).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of files (default: landing).")] = None,
    topic: Annotated[str | None, typer.Option(help="Topic (default: the dataset's name).")] = None,
    partitions: Annotated[int, typer.Option(min=1, help="Of a topic that is made.")] = 2,
    url: Annotated[str | None, typer.Option(help="Gateway (default: the stack's own).")] = None,
    stamp: Annotated[
        bool, typer.Option(help="Put the time of making into files and requests: produced_at.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Make events at a steady pace, as a stream has them, and write the truth about each.

    Records of Kafka bear the time at which they are made; of all events the truth file has it.
    """
    from assay.generate.recipes import recipe_of
    from assay.produce.run import produce as run

    settings, recipe = load_settings(), recipe_of(dataset)
    day = start.date() if start else (datetime.now(UTC) - timedelta(days=1)).date()
    asked = {
        **{"shape": shape, "customers": customers, "defects": defects, "duplicates": duplicates},
        **{"updates": updates, "late": late},
    }
    given = {name: value for name, value in asked.items() if value is not None}
    target_file = truth or settings.home / "truth" / f"{dataset}.stream.jsonl"
    try:
        options = recipe.options(
            settings.home / "landing",
            files=seconds,
            rows=rate,
            seed=secrets.randbelow(1 << 31) if seed is None else seed,
            start=day,
            days=1,
            **given,
        )
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    target = _target(settings, to, dataset, out, topic, partitions, url, stamp=stamp)
    with reporting(f"{dataset} events") as report:
        done = run(recipe, options, target, target_file, report)
    print(json.dumps(dataclasses.asdict(done), indent=1) if as_json else _describe(done))


def _target(
    settings: Settings,
    to: Where,
    dataset: str,
    out: Path | None,
    topic: str | None,
    partitions: int,
    url: str | None,
    *,
    stamp: bool,
) -> Target:
    if to is Where.landing:
        from assay.produce.landing import Landing

        run = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        return Landing(out or settings.landing / dataset, run, stamp=stamp)
    if to is Where.kafka:
        from assay.kafka.access import kafka_access
        from assay.produce.topic import Topic

        return Topic(kafka_access(settings), topic or dataset, partitions)
    from assay.produce.gateway import Gateway

    return Gateway(url or _own_gateway(settings), dataset, stamp=stamp)


def _own_gateway(settings: Settings) -> str:
    from assay.gateway.address import url_inside

    url = url_inside(settings)
    if not url:
        raise SettingsError("this stack has no gateway; give --url, such as http://host:8090")
    return url


def _describe(done: Produced) -> str:
    classes = ", ".join(f"{events:,} {name}" for name, events in done.classes.items())
    early = ", then interrupted" if done.interrupted else ""
    return (
        f"{count(done.sent, 'event')} in {done.seconds:.1f} s{early};"
        f" at most {done.most_behind:.2f} s behind; seed {done.seed}\n"
        f"as one batch: {classes}\n"
        f"truth: {done.truth}"
    )

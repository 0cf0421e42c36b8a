"""`assay serve …`: what the image and docker-compose.yaml call."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from assay.events.event import Progress
from assay.events.sinks import emit
from assay.settings import load_settings
from assay_stack import service

app = typer.Typer(no_args_is_help=True, help="Parts of a stack in containers.")
Part = StrEnum("Part", [(name, name) for name in service.PARTS])  # type: ignore[misc]
ThePart = Annotated[Part, typer.Argument(help="The part of the stack.")]


@app.command()
def secrets() -> None:
    """Generate the passwords and keys of the stack, unless they are there."""
    service.make_secrets(load_settings())


@app.command()
def init() -> None:
    """Make or migrate roles, databases and schemas."""
    service.initialise(load_settings(), _log)


@app.command()
def run(part: ThePart) -> None:
    """Become this part; ends when it ends."""
    service.run_part(load_settings(), part.value)


@app.command()
def fetch() -> None:
    """Put Java's launcher and the JARs where ASSAY_RUNTIME says; for the build of the image."""
    from assay.spark_runtime.jars import ensure_jars

    settings = load_settings()
    for group in ("delta", "s3", "kafka", "broker"):
        ensure_jars(settings, _log, group)


@app.command()
def train() -> None:
    """Build the start-up cache of the JVM; for the build of the image."""
    from assay.spark_runtime.conf import ensure_start_cache

    ensure_start_cache(load_settings(), _log)


def _log(text: str) -> None:
    """A line of the container's log, where a command of ours would tell it at the terminal."""
    emit(Progress(text))

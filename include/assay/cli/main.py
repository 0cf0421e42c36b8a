"""The `assay` command: one line for each error that a person can act on, never a traceback."""

from __future__ import annotations

import errno
import sys

import psycopg
import typer

from assay.cli import (
    batch,
    bench,
    dataset,
    demo,
    export,
    gateway,
    generate,
    lake,
    produce,
    quarantine,
    release,
    serve,
    stack,
    stream,
    verify,
)
from assay.errors import AssayError
from assay.events.sinks import Lines, send_to

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="From landing files to Postgres, with every row accounted for.",
)
stack.register(app)
demo.register(app)
bench.register(app)
export.register(app)
produce.register(app)
verify.register(app)
quarantine.register(app)
app.add_typer(generate.app, name="generate")
app.add_typer(dataset.app, name="dataset")
app.add_typer(batch.app, name="batch")
app.add_typer(release.app, name="release")
app.add_typer(lake.app, name="lake")
app.add_typer(gateway.app, name="gateway")
app.add_typer(stream.app, name="stream")
app.add_typer(serve.app, name="serve")


def main() -> None:
    """Run a command; exit 1 with one clear line when it cannot be done."""
    send_to(Lines(to_error=True, mark="assay: "))  # standard output may be read by a program
    try:
        app()
    except AssayError as error:
        sys.exit(f"assay: {error}")
    except psycopg.OperationalError as error:
        sys.exit(f"assay: Postgres: {str(error).strip().splitlines()[0]}; see assay status")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit(f"assay: the disk is full ({error.filename}); free some space and try again")

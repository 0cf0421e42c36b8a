"""`assay verify`: audit all that the pipeline has ever done."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from assay.settings import load_settings
from assay.stack.postgres import dsn

SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(verify)


def verify(
    dataset: Annotated[str, typer.Option(help="Only what concerns this dataset.")] = "",
    batch: Annotated[str, typer.Option(help="Only what concerns this batch.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Recompute every promise from files, Delta and Postgres; exits with 1 when one is broken."""
    from assay.verify import TITLES, audit

    settings = load_settings()
    checks = audit(settings, dsn(settings, "assay_reader"), dataset=dataset, batch=batch)
    if as_json:
        told = [
            {**dataclasses.asdict(check), "title": TITLES[check.invariant], "holds": check.holds}
            for check in checks
        ]
        print(json.dumps(told, indent=1))
    else:
        for check in checks:
            print(check.line())
            for violation in check.violations[:SHOWN]:
                print(f"       {violation}")
            if len(check.violations) > SHOWN:
                print(f"       and {len(check.violations) - SHOWN:,} more; --json has them all")
    if not all(check.holds for check in checks):
        raise typer.Exit(1)

"""`assay verify`: audit all that the pipeline has ever done."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import psycopg
import typer

from assay.errors import AssayError
from assay.home.dsn import dsn
from assay.ledger.names import batch_named
from assay.settings import Settings, load_settings

if TYPE_CHECKING:
    from assay.verify import Check

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
    from assay.verify import TITLES

    checks = run_audit(load_settings(), dataset=dataset, batch=batch)
    if as_json:
        told = [
            {**dataclasses.asdict(check), "title": TITLES[check.invariant], "holds": check.holds}
            for check in checks
        ]
        print(json.dumps(told, indent=1))
    else:
        for check in checks:
            print("\n".join(_lines(check)))
    if not all(check.holds for check in checks):
        raise typer.Exit(1)


def run_audit(settings: Settings, *, dataset: str = "", batch: str = "") -> list[Check]:
    """Audit with no more rights than a reader has."""
    from assay.verify import audit

    uri = dsn(settings, "assay_reader")
    if batch:
        with psycopg.connect(uri) as connection:
            batch = batch_named(connection, batch)
    return audit(settings, uri, dataset=dataset, batch=batch)


def conclude_audit(checks: list[Check]) -> str:
    """The audit in one line. Raises AssayError with all that was found wrong."""
    broken = [line for check in checks if not check.holds for line in _lines(check)]
    if broken:
        raise AssayError("\n".join(["assay verify has found what must not be:", *broken]))
    return f"assay verify: {len(checks)} invariants hold ({', '.join(c.invariant for c in checks)})"


def _lines(check: Check) -> list[str]:
    """What was compared, and at most `SHOWN` of the violations."""
    lines = [check.line(), *(f"       {violation}" for violation in check.violations[:SHOWN])]
    if len(check.violations) > SHOWN:
        lines.append(f"       and {len(check.violations) - SHOWN:,} more; --json has them all")
    return lines

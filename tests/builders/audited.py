"""A small pipeline with a past, and the ways to spoil a copy of it behind its back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay import ledger
from assay.batch.plan import Plan
from assay.batch.verdicts import Verdict
from assay.contracts.load import gold_contracts, load_contract
from assay.intake.accept import accept_files
from assay.intake.archive import archive_files
from assay.operations.abandon import abandon_batch
from assay.settings import Settings
from assay.verify import Check, audit
from assay.verify.books import Books, read_books
from builders.accepting import run_of
from builders.attempts import BUILD, PIPELINE, Attempts
from builders.deliveries import deliver, make_set

if TYPE_CHECKING:
    from conftest import Database


@dataclass
class Site:
    """A home and its database."""

    settings: Settings
    database: Database

    def audit(self, **scope: str) -> list[Check]:
        return audit(self.settings, self.database.uri("assay_reader"), **scope)

    def execute(self, query: str) -> list[Any]:
        """Change the books or the served rows, as nobody should."""
        with self.database.connect("assay_owner", autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def table(self, name: str) -> Path:
        return self.settings.lake.joinpath(*name.split("."))


def once_books_are_read(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Have something happen after the next audit has read the books, before it looks further."""
    module = sys.modules["assay.verify.audit"]
    due = [happens]

    def read_then_go_on(connection: psycopg.Connection[Any]) -> Books:
        books = read_books(connection)
        if due:
            due.pop()()
        return books

    monkeypatch.setattr(module, "read_books", read_then_go_on)


@dataclass
class Past:
    """The site at its end, and what audits said on the way there."""

    site: Site
    unpublished: list[Check]
    before_rebuild: list[Check]


def live_through(attempts: Attempts, site: Site, folder: Path) -> Past:
    shares = {"defects": 0.1, "duplicates": 0.05, "updates": 0.1, "late": 0.1}
    made = make_set(folder, files=3, rows=60, seed=3, gzip_every=3, **shares)
    first, *later = sorted(made.options.out.iterdir())
    landing = site.settings.landing / "trades"
    bad = folder / "bad.csv"
    bad.write_text("no,header\n1,2\n")
    deliver(landing, [first, bad])
    build(attempts, attempts.accept("first"))
    attempts.publish()
    attempts.accept("empty")
    deliver(landing, later)
    given_up = attempts.accept("given up")
    with attempts.connect() as connection:
        abandon_batch(site.settings, connection, given_up.batch_id, "a test", "to see")
    deliver(landing, [first])
    second = attempts.accept("second")
    build(attempts, second)
    unpublished = site.audit()
    attempts.publish()
    with attempts.connect() as connection:
        archive_files(site.settings, connection, second)
        trial = replace(second, batch_id="trial")
        ledger.record_dry_run(connection, trial, run_type="manual", summary={})
    before_rebuild = site.audit()
    rebuild = accept_rebuild(attempts)
    build(attempts, rebuild)
    attempts.publish()
    return Past(site, unpublished, before_rebuild)


def accept_rebuild(attempts: Attempts) -> Plan:
    run = run_of("rebuild", pipeline=PIPELINE, full_rebuild=True)
    return accept_files(attempts.settings, attempts.connect, run)


def build(attempts: Attempts, plan: Plan) -> None:
    """Every stage, and a pass of every gate where it belongs; Great Expectations is not asked."""
    for stage, layer in zip(BUILD, ("bronze", "silver", "gold", ""), strict=True):
        if not plan.needs(stage):
            continue
        attempts.run(plan, stage)
        if layer:
            record_passes(attempts, plan, layer)


def record_passes(attempts: Attempts, plan: Plan, layer: str) -> None:
    contracts = [load_contract("bronze", "trades"), load_contract("silver", "trades")]
    contracts += gold_contracts(["trades"])
    verdicts = [
        Verdict.on(contract, expectation, success=True)
        for contract in contracts
        if contract.layer == layer
        for expectation in contract.expectations
    ]
    epoch = attempts.take_epoch()
    with attempts.connect() as connection:
        ledger.record_validation(connection, plan.batch_id, epoch, layer, verdicts)


def newest_file(table: Path) -> tuple[Path, Path]:
    """The log of the newest version, and a data file that it brought."""
    log = max((table / "_delta_log").glob("*.json"))
    adds = [a["add"] for a in map(json.loads, log.read_text().splitlines()) if "add" in a]
    plain = next(add for add in adds if not add.get("deletionVector"))
    return log, table / unquote(plain["path"])


def forge(table: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change rows behind the log: in a data file, whose size in the log is made to fit."""
    log, file = newest_file(table)
    size = file.stat().st_size
    pq.write_table(change(pq.read_table(file, partitioning=None)), file)
    told = log.read_text()
    assert told.count(f'"size":{size},') == 1
    log.write_text(told.replace(f'"size":{size},', f'"size":{file.stat().st_size},'))


def forge_everywhere(table: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """As `forge`, in every data file that some version has brought."""
    for log in (table / "_delta_log").glob("*.json"):
        told = log.read_text()
        for add in (a["add"] for a in map(json.loads, told.splitlines()) if "add" in a):
            file = table / unquote(add["path"])
            rows = pq.read_table(file, partitioning=None)
            changed = change(rows)
            if changed is not rows:
                size = file.stat().st_size
                pq.write_table(changed, file)
                told = told.replace(f'"size":{size},', f'"size":{file.stat().st_size},')
        log.write_text(told)


def broken(checks: list[Check]) -> dict[str, list[str]]:
    """By invariant: what is said of those that do not hold."""
    return {c.invariant: [*map(str, c.violations)] for c in checks if not c.holds}


def without_first(rows: pa.Table) -> pa.Table:
    return rows.slice(1)


def first_twice(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows.slice(0, 1), rows])


def set_first(column: str, value: object) -> Callable[[pa.Table], pa.Table]:
    """Put a value into the first row."""

    def change(rows: pa.Table) -> pa.Table:
        at = rows.schema.get_field_index(column)
        values = [value, *rows.column(at).to_pylist()[1:]]
        return rows.set_column(
            at, rows.schema.field(at), pa.array(values, rows.schema.field(at).type)
        )

    return change

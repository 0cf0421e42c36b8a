"""I4 and I5: gold is the aggregate of silver, and Postgres holds what Delta holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import duckdb

from assay.contracts.model import Contract
from assay.verify.content import compare_rows, fingerprint
from assay.verify.evidence import Evidence, ReleasedTable, exact
from assay.verify.report import Check
from assay.words import count

ROWS = "rows"


def check_gold(evidence: Evidence, check: Check) -> None:
    """Gold at its released version = silver at its own, exact.

    A table with an audit query is computed anew and compared row by row. Every table is compared
    by the totals that its contract pairs with silver: in all, and by those of its keys that each
    such silver table has too, under the same name and never null.
    """
    for gold in evidence.gold:
        with check.reading(gold.contract.table):
            _check_gold(evidence, check, gold)


def _check_gold(evidence: Evidence, check: Check, gold: ReleasedTable) -> None:
    silver = {source.contract.name: source for source in _sources_of(evidence, gold)}
    if len(silver) < len(gold.contract.datasets):
        check.saw("gold tables whose silver is not known")
        return
    name = evidence.load_released(gold)
    query = audit_query(evidence.database, gold.contract)
    if query:
        _recompute(evidence, check, gold, [*silver.values()], query)
        check.saw("gold tables computed anew")
    for dataset, source in silver.items():
        measures = gold.contract.totals_of(dataset)
        if measures:
            _compare_totals(evidence, check, gold, source, measures)
            check.saw("totals", len(measures))
    check.saw("groups", evidence.ask_one(f"SELECT count(*) FROM {name}"))


def _sources_of(evidence: Evidence, gold: ReleasedTable) -> list[ReleasedTable]:
    """The silver tables that a gold table was made of; empty when that is not known any more.

    Gold over several pipelines has the versions in the plan of its batch; any other is as new
    as the silver of its own pipeline.
    """
    batch_id = gold.release["batch_id"]
    pinned: dict[str, int] = {}
    if evidence.books.batches[batch_id]["source"] == "silver":
        plan = evidence.settings.batches / batch_id / "plan.json"
        facts = json.loads(plan.read_text()) if plan.is_file() else {"input": {"versions": {}}}
        # A plan of before kinds of input were told apart has them beside the rest.
        pinned = facts["input"]["versions"] if "input" in facts else facts["silver_versions"]
        if not {*gold.contract.datasets} <= pinned.keys():
            return []
    return [
        replace(table, version=pinned.get(name, table.version))
        for name in gold.contract.datasets
        for table in evidence.everywhere
        if table.contract.table == f"silver.{name}"
    ]


def audit_query(database: duckdb.DuckDBPyConnection, gold: Contract) -> str:
    """What computes a gold table anew: the `audit.sql` beside its contract, or nothing.

    It reads views named after the table's datasets, and the contract's parameters as variables
    of the database.
    """
    for name, value in gold.parameters.items():
        database.execute(f"SET VARIABLE {name} = '{value}'")
    file = gold.path.with_name("audit.sql")
    return file.read_text() if file.is_file() else ""


def _recompute(
    evidence: Evidence,
    check: Check,
    gold: ReleasedTable,
    sources: list[ReleasedTable],
    query: str,
) -> None:
    for source in sources:
        view = f'CREATE OR REPLACE VIEW "{source.contract.name}" AS'
        evidence.database.execute(f"{view} SELECT * FROM {evidence.load_released(source)}")
    compare_rows(
        evidence,
        check,
        f"{gold.contract.table} version {gold.version} = its aggregate of silver",
        expected=f"({query})",
        found=evidence.load_released(gold),
        columns=exact(gold.contract.columns),
        keys=gold.contract.keys,
    )


def _compare_totals(
    evidence: Evidence,
    check: Check,
    gold: ReleasedTable,
    silver: ReleasedTable,
    measures: dict[str, str],
) -> None:
    certain = {c.name: c.type for c in silver.contract.columns if not c.nullable}
    shared = [
        column.name
        for column in gold.contract.columns
        if column.name in gold.contract.keys and certain.get(column.name) == column.type
    ]
    for keys in ([], shared) if shared else ([],):
        in_silver = dict(measures)
        expected = _sums(evidence, evidence.load_released(silver), keys, in_silver)
        in_gold = {name: name for name in measures}
        found = _sums(evidence, evidence.load_released(gold), keys, in_gold)
        by = f" by {', '.join(keys)}" if keys else ""
        what = f"{', '.join(measures)} of {gold.contract.table} = {silver.contract.table}{by}"
        wrong = [key for key in expected | found if expected.get(key) != found.get(key)]
        wrong = [key for key in wrong if any(expected.get(key, ())) or any(found.get(key, ()))]
        for key in wrong[:3]:
            place = f" at {', '.join(map(str, key))}" if key else ""
            check.broken(what + place, _told(expected.get(key)), _told(found.get(key)))
        if len(wrong) > 3:
            check.broken(what, "equal", f"{count(len(wrong), 'group')} not equal")


def _told(values: tuple[Any, ...] | None) -> str:
    return "no group" if values is None else ", ".join(map(str, values))


def _sums(
    evidence: Evidence, source: str, keys: list[str], measures: dict[str, str]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    grouped = [f'"{key}"' for key in keys]
    sums = [
        "count(*)" if column == ROWS and name != ROWS else f'coalesce(sum("{column}"), 0)'
        for name, column in measures.items()
    ]
    query = f"SELECT {', '.join([*grouped, *sums])} FROM {source}"
    query += f" GROUP BY {', '.join(grouped)}" if keys else ""
    return {row[: len(keys)]: row[len(keys) :] for row in evidence.ask(query)}


def check_stores(evidence: Evidence, check: Check) -> None:
    """serving and gold of Postgres = silver and gold of Delta at the released versions.

    As multisets of rows, in every column that both have; and the counts and sums that the release
    row tells are those of these rows.
    """
    known = {table.contract.table for table in evidence.everywhere}
    layers = ("silver.", "gold.")
    lost = [t for t in evidence.books.current if t.startswith(layers) and t not in known]
    check.saw("released tables that have no contract any more", len(lost))
    for table in evidence.tables:
        if table.serving:
            with check.reading(table.contract.table):
                rows = _compare_stores(evidence, check, table)
                check.saw(f"rows of {table.serving}", rows)
                _compare_release(evidence, check, table, rows)


def _compare_stores(evidence: Evidence, check: Check, table: ReleasedTable) -> int:
    delta = evidence.load_released(table)
    columns = exact(table.columns)
    expected = fingerprint(evidence, f"(SELECT {columns} FROM {delta})")
    with evidence.read_postgres(table.serving, table.columns) as reader:
        evidence.database.register("incoming", reader)
        found = fingerprint(evidence, f"(SELECT {columns} FROM incoming)")
        evidence.database.unregister("incoming")
    what = f"{table.serving} = {table.contract.table} version {table.version}"
    if found != expected:
        compare_rows(
            evidence,
            check,
            what,
            expected=delta,
            found=evidence.load_postgres(table.serving, table.columns),
            columns=columns,
            keys=table.contract.keys,
        )
    return expected[0]


def _compare_release(evidence: Evidence, check: Check, table: ReleasedTable, rows: int) -> None:
    release = table.release
    batch = release["batch_id"]
    what = f"of {table.serving} in release {release['release_id']} = {table.contract.table}"
    counted = release["counts"].get(table.serving)
    if counted is not None:  # a release tells the counts of what its own batch applied
        check.equal(f"count {what}", rows, counted, batch=batch)
    for column, total in _recorded(release, table.serving):
        found = evidence.ask_one(
            f'SELECT coalesce(sum("{column}"), 0) FROM {evidence.load_released(table)}'
        )
        check.equal(f"sum of {column} {what}", Decimal(found), total, batch=batch)


def _recorded(release: dict[str, Any], serving: str) -> Iterator[tuple[str, Decimal]]:
    for column, total in release["sums"].get(serving, {}).items():
        yield column, Decimal(total)

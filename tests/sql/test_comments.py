"""Postgres explains itself: a comment on every table, view and column that anybody reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay.contracts.lineage import LINEAGE
from assay.contracts.load import all_contracts
from assay.contracts.model import Contract
from assay.serving import evolution
from assay.serving.evolution import evolve_tables

if TYPE_CHECKING:
    from conftest import Database

WITHOUT_COMMENT = """
    SELECT relname FROM pg_class
    WHERE relnamespace = %(space)s::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
      AND coalesce(obj_description(oid, 'pg_class'), '') = ''
    UNION ALL
    SELECT relname || '.' || attname
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = %(space)s::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
      AND attnum > 0 AND NOT attisdropped
      AND coalesce(col_description(attrelid, attnum), '') = ''
    ORDER BY 1
"""
OF_COLUMN = """
    SELECT col_description(attrelid, attnum) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attname = %s
"""
SERVED = [*filter(lambda c: c.serving, all_contracts("silver")), *all_contracts("gold")]


def without_comment(connection: psycopg.Connection[Any], space: str) -> list[str]:
    rows = connection.execute(WITHOUT_COMMENT, {"space": space}).fetchall()
    return [name for (name,) in rows]


def comment_of(connection: psycopg.Connection[Any], table: str, column: str) -> str:
    (row,) = connection.execute(OF_COLUMN, [table, column]).fetchall()
    return str(row[0])


@pytest.mark.parametrize("space", ["ops", "serving", "gold", "live"])
def test_every_table_view_and_column_has_a_comment(database: Database, space: str) -> None:
    with database.connect("assay_owner", autocommit=True) as owner:
        assert without_comment(owner, space) == []
        owner.execute(f"CREATE TABLE {space}.later (id int)")
        owner.execute(f"CREATE VIEW {space}.later_still AS SELECT 1 AS one")
        found = without_comment(owner, space)
        assert found == ["later", "later.id", "later_still", "later_still.one"]


@pytest.mark.parametrize("contract", SERVED, ids=lambda contract: contract.table)
def test_a_served_table_says_what_its_contract_says(
    loader: psycopg.Connection[Any], contract: Contract
) -> None:
    table = contract.serving or contract.table
    query = "SELECT obj_description(%s::regclass, 'pg_class')"
    assert loader.execute(query, [table]).fetchone() == (contract.description,)
    lineage = LINEAGE if contract.layer == "silver" else ()
    for column in (*contract.columns, *lineage):
        assert comment_of(loader, table, column.name) == column.description


def test_comments_follow_a_contract_that_says_something_else(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (events,) = (c for c in SERVED if c.name == "ecommerce_events")
    columns = [replace(c, description=f"Of an event: {c.name}") for c in events.columns]
    now = replace(events, description="Events.", columns=tuple(columns))
    served = {"silver": [now], "gold": all_contracts("gold")}
    monkeypatch.setattr(evolution, "all_contracts", served.__getitem__)
    with database.connect("assay_owner", autocommit=True) as owner:
        own = comment_of(owner, "serving.user_activity", "price")
        assert evolve_tables(owner) == []
        told = comment_of(owner, "serving.ecommerce_event", "user_id")
        assert told == "Of an event: user_id"
        assert comment_of(owner, "serving.user_activity", "user_id") == told
        assert comment_of(owner, "serving.user_activity", "price") == own
        owner.execute("COMMENT ON COLUMN serving.ecommerce_event.user_id IS NULL")
        assert evolve_tables(owner) == []
        assert comment_of(owner, "serving.ecommerce_event", "user_id") == told


def test_a_view_says_of_a_column_what_its_table_says(loader: psycopg.Connection[Any]) -> None:
    for copy, base, column in (
        ("ops.current_release", "ops.release", "versions"),
        ("ops.quarantine_open", "ops.quarantine_row", "raw"),
        ("ops.undone_movement", "ops.quarantine_movement", "dataset"),
        ("serving.stocks", "serving.stock_prices", "symbol"),
        ("serving.events", "serving.ecommerce_event", "user_id"),
        ("serving.corrupt_records", "ops.quarantine_row", "batch_id"),
        ("gold.product_performance_rates", "gold.product_performance", "day"),
    ):
        assert comment_of(loader, copy, column) == comment_of(loader, base, column)

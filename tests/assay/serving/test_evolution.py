"""Postgres gains the tables and nullable columns of its contracts, by the owner alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from assay.contracts.columns import Column
from assay.contracts.load import all_contracts, load_contract
from assay.contracts.model import Contract
from assay.serving import evolution
from assay.serving.columns import columns_of
from assay.serving.evolution import evolve_tables
from assay.serving.migrations import migrate

if TYPE_CHECKING:
    from conftest import Database

SILVER = load_contract("silver", "trades")


def grown(*columns: Column) -> Contract:
    return replace(SILVER, columns=(*SILVER.columns, *columns))


def test_contracts_ask_for_no_column_that_the_migrations_lack(empty_database: Database) -> None:
    with empty_database.connect("assay_owner", autocommit=True) as owner:
        migrate(owner)
        assert [name for name in evolve_tables(owner) if name.count(".") > 1] == []


def test_nullable_column_is_added_once_and_the_loader_may_write_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fee, strict = Column("fee", "decimal(9,2)"), Column("desk", nullable=False)
    served = {"silver": [grown(fee, strict)], "gold": all_contracts("gold")}
    monkeypatch.setattr(evolution, "all_contracts", served.__getitem__)
    with database.connect("assay_loader", autocommit=True) as loader:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            evolve_tables(loader)
        with database.connect("assay_owner") as owner:
            assert evolve_tables(owner) == ["serving.trade_event.fee"]
            assert evolve_tables(owner) == []
        assert {"fee", "desk"} & columns_of(loader, "serving.trade_event") == {"fee"}
        assert loader.execute("UPDATE serving.trade_event SET fee = 1.25").rowcount == 0


CATALOG = """
    SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, collname
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE relkind = 'r' AND relnamespace IN ('gold'::regnamespace, 'serving'::regnamespace)
      AND attnum > 0 AND NOT attisdropped ORDER BY 1, attnum
"""
KEYS = """
    SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'p' AND connamespace IN ('gold'::regnamespace, 'serving'::regnamespace)
    ORDER BY 1
"""


def test_tables_made_from_contracts_are_those_of_the_migrations(database: Database) -> None:
    with database.connect("assay_owner", autocommit=True) as owner:
        before = owner.execute(CATALOG).fetchall(), owner.execute(KEYS).fetchall()
        tables = sorted({table for table, *_ in before[0]})
        for table in tables:
            owner.execute(f"DROP TABLE {table} CASCADE")
        assert sorted(evolve_tables(owner)) == tables
        assert (owner.execute(CATALOG).fetchall(), owner.execute(KEYS).fetchall()) == before
        assert evolve_tables(owner) == []


def test_table_of_a_new_contract_is_described_written_and_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = replace(SILVER, serving="serving.fees", columns=(*SILVER.columns, Column("order")))
    served = {"silver": [new], "gold": all_contracts("gold")}
    monkeypatch.setattr(evolution, "all_contracts", served.__getitem__)
    with database.connect("assay_owner") as owner:
        assert evolve_tables(owner) == ["serving.fees"]
    described = (
        "SELECT obj_description('serving.fees'::regclass),"
        " col_description('serving.fees'::regclass, 1)"
    )
    with database.connect("assay_loader", autocommit=True) as loader:
        assert loader.execute("DELETE FROM serving.fees").rowcount == 0
    with database.connect("assay_reader") as reader:
        assert reader.execute("TABLE serving.fees").fetchall() == []
        assert reader.execute(described).fetchone() == (
            SILVER.description,
            SILVER.columns[0].description,
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("DELETE FROM serving.fees")

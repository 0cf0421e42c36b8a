"""Postgres gains the nullable columns of its contracts, by the owner alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from assay import evolution
from assay.contracts.columns import Column
from assay.contracts.load import all_contracts, load_contract
from assay.contracts.model import Contract
from assay.evolution import columns_of, evolve_tables

if TYPE_CHECKING:
    from conftest import Database

SILVER = load_contract("silver", "trades")


def grown(*columns: Column) -> Contract:
    return replace(SILVER, columns=(*SILVER.columns, *columns))


def test_contracts_as_they_are_ask_for_no_column(database: Database) -> None:
    with database.connect("assay_owner", autocommit=True) as owner:
        assert evolve_tables(owner) == []


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

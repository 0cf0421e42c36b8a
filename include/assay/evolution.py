"""Postgres tables against their contracts: nullable columns are added, nothing else is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from assay.contracts.columns import Column
from assay.contracts.load import all_contracts
from assay.ledger.query import fetch_all

POSTGRES_TYPES = {"string": "text", "timestamp": "timestamptz"}


def evolve_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """Add, as the owner, the nullable columns that contracts have gained; return their names.

    A table that is not there yet, and any other difference, is left for a migration.
    """
    added = []
    for table, columns in _served():
        if known := columns_of(connection, table):
            for column in columns:
                if column.nullable and column.name not in known:
                    _add(connection, table, column)
                    added.append(f"{table}.{column.name}")
    return added


def columns_of(connection: psycopg.Connection[Any], table: str) -> set[str]:
    """The columns of `namespace.table`; none when it is not there."""
    rows = fetch_all(
        connection,
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s",
        table.split("."),
    )
    return {name for (name,) in rows}


def _served() -> Iterator[tuple[str, Sequence[Column]]]:
    for contract in all_contracts("silver"):
        if contract.serving:
            yield contract.serving, contract.columns
    for contract in all_contracts("gold"):
        yield contract.table, contract.columns


def _add(connection: psycopg.Connection[Any], table: str, column: Column) -> None:
    kind = column.type.replace("decimal", "numeric")
    with connection.transaction():
        connection.execute(
            sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                sql.Identifier(*table.split(".")),
                sql.Identifier(column.name),
                sql.SQL(POSTGRES_TYPES.get(kind, kind)),
            )
        )

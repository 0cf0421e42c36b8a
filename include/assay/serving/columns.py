"""Columns of Postgres tables as contracts say them."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from assay.contracts.columns import Column
from assay.ledger.query import fetch_all

POSTGRES_TYPES = {"string": "text", "timestamp": "timestamptz", "int": "integer"}


def columns_of(connection: psycopg.Connection[Any], table: str) -> set[str]:
    """The columns of `namespace.table`; none when it is not there."""
    return {*columns_in_order(connection, table)}


def columns_in_order(connection: psycopg.Connection[Any], table: str) -> list[str]:
    """As `columns_of`, in the order of the table or view."""
    rows = fetch_all(
        connection,
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        table.split("."),
    )
    return [name for (name,) in rows]


def definition(column: Column, *, is_key: bool) -> sql.Composed:
    """Name, type and NOT NULL, as CREATE TABLE takes them."""
    collated = is_key and column.type == "string"  # sorted by its bytes, as Delta and DuckDB do
    return sql.SQL("{} {}{}{}").format(
        sql.Identifier(column.name),
        sql.SQL(_type(column)),
        sql.SQL(' COLLATE "C"' if collated else ""),
        sql.SQL("" if column.nullable else " NOT NULL"),
    )


def add_column(connection: psycopg.Connection[Any], table: str, column: Column) -> None:
    """Add a nullable column to `namespace.table`."""
    connection.execute(
        sql.SQL("ALTER TABLE {} ADD COLUMN {}").format(
            sql.Identifier(*table.split(".")), definition(column, is_key=False)
        )
    )


def _type(column: Column) -> str:
    kind = column.type.replace("decimal", "numeric")
    return POSTGRES_TYPES.get(kind, kind)

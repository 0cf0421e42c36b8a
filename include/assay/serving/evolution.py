"""Postgres tables against their contracts: what is not there is made, nothing else is changed.

What a value may be is said by the contract alone, and judged in silver: a table has no CHECK for
it, since one of today's rules would refuse rows of a release that is taken back to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from assay.contracts.columns import Column
from assay.contracts.lineage import LINEAGE
from assay.contracts.load import all_contracts
from assay.contracts.model import Contract
from assay.serving.columns import add_column, columns_of, definition
from assay.serving.comments import comment_served
from assay.serving.live import live_comments, make_live_tables


@dataclass(frozen=True)
class Served:
    """A table as readers of Postgres shall find it."""

    table: str
    contract: Contract

    @property
    def name(self) -> sql.Identifier:
        return sql.Identifier(*self.table.split("."))

    @property
    def columns(self) -> Sequence[Column]:
        lineage = LINEAGE if self.contract.layer == "silver" else ()
        return (*self.contract.columns, *lineage)

    @property
    def comments(self) -> dict[tuple[str, str], str]:
        """What the contract says of the table and of each column."""
        told = {(self.table, column.name): column.description for column in self.columns}
        return {(self.table, ""): self.contract.description, **told}


def evolve_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """As the owner, make the tables of contracts that are not there, and add the nullable columns
    that contracts have gained; returns the names of both. Comments become those of the contracts.

    Any other difference is left for a migration.
    """
    made = []
    for served in _served():
        known = columns_of(connection, served.table)
        if not known:
            _create(connection, served)
            made.append(served.table)
            continue
        for column in served.contract.columns:
            if column.nullable and column.name not in known:
                add_column(connection, served.table, column)
                made.append(f"{served.table}.{column.name}")
    made += make_live_tables(connection)
    told = {at: comment for each in _served() for at, comment in each.comments.items()}
    comment_served(connection, told | live_comments())
    return made


def _served() -> Iterator[Served]:
    for contract in all_contracts("silver"):
        if contract.serving:
            yield Served(contract.serving, contract)
    for contract in all_contracts("gold"):
        yield Served(contract.table, contract)


def _create(connection: psycopg.Connection[Any], served: Served) -> None:
    """Columns, NOT NULLs and primary key; who may use it follows from its namespace."""
    keys = served.contract.keys
    columns = [definition(column, is_key=column.name in keys) for column in served.columns]
    key = sql.SQL("PRIMARY KEY ({})").format(sql.SQL(", ").join(map(sql.Identifier, keys)))
    table = sql.SQL("CREATE TABLE {} ({})").format(served.name, sql.SQL(", ").join([*columns, key]))
    connection.execute(table)

"""Indexes of served tables that are made after the rows, by functions of the owner in `ops`."""

from __future__ import annotations

from assay.ledger.query import Connection


def defer_indexes(connection: Connection, table: str) -> None:
    """Drop the indexes of an empty table but its key's, until the same transaction builds them."""
    connection.execute("SELECT ops.defer_indexes(%s)", [table])


def build_deferred_indexes(connection: Connection, table: str) -> None:
    """Build what `defer_indexes` has dropped."""
    connection.execute("SELECT ops.build_deferred_indexes(%s)", [table])

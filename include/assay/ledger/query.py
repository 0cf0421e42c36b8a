"""How the ledger asks Postgres: rows as tuples, whatever row factory the connection has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import psycopg
    from psycopg.types.json import Jsonb

# A DAG file names the ledger and asks it nothing, so psycopg is imported when something is asked.
Connection: TypeAlias = "psycopg.Connection[Any]"
Parameters = Sequence[Any] | Mapping[str, Any]


def fetch_all(connection: Connection, query: str, parameters: Parameters) -> list[tuple[Any, ...]]:
    from psycopg.rows import tuple_row

    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def fetch_value(connection: Connection, query: str, parameters: Parameters) -> Any:
    """The first column of the first row, or None when there is no row."""
    rows = fetch_all(connection, query, parameters)
    return rows[0][0] if rows else None


def as_json(value: Any) -> Jsonb | None:
    """A JSON parameter; dates and decimals become text, which keeps them exact."""
    from psycopg.types.json import Jsonb

    return None if value is None else Jsonb(value, dumps=_dump)


def _dump(value: Any) -> str:
    return json.dumps(value, default=str)

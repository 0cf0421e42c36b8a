"""Rows of a table of live, as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

LOOK_SECONDS = 0.2
OVERLAP_SECONDS = 5  # a row is stamped before its transaction ends
ROWS = """
    SELECT * FROM {} WHERE live_since > clock_timestamp() - make_interval(secs => %s)
    ORDER BY live_since, slice_id, record_number
"""


def new_rows(connection: psycopg.Connection[Any], table: str) -> Iterator[dict[str, Any] | None]:
    """Rows that come from now on, each once; None whenever there is no more at the moment."""
    query = sql.SQL(ROWS).format(sql.Identifier(*table.split(".")))
    seen = {_place(row) for row in _ask(connection, query)}
    while True:
        rows = _ask(connection, query)
        yield from (row for row in rows if _place(row) not in seen)
        seen = {_place(row) for row in rows}
        yield None
        time.sleep(LOOK_SECONDS)


def _ask(connection: psycopg.Connection[Any], query: sql.Composed) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [OVERLAP_SECONDS]).fetchall()


def _place(row: dict[str, Any]) -> tuple[str, int]:
    return row["slice_id"], row["record_number"]

"""Row counts and exact sums of one table, by Postgres and, without a JVM, by delta-rs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.schema import PrimitiveType
from psycopg import sql
from psycopg.rows import tuple_row

from assay.errors import ReconciliationError


def measure_postgres(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str]
) -> dict[str, Decimal]:
    """Count and sums of `namespace.table`, as the caller's transaction sees it."""
    sums = [sql.SQL("sum({})").format(sql.Identifier(column)) for column in columns]
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join([sql.SQL("count(*)"), *sums]), sql.Identifier(*table.split("."))
    )
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query).fetchone()
    return _name_measures(columns, row or ())


def measure_delta(path: str, version: int, columns: Sequence[str]) -> dict[str, Decimal]:
    """Count and sums of a Delta table at a version; deletion vectors are honoured."""
    table = DeltaTable(path, version=version)
    whole = {field.name for field in table.schema().fields if _is_whole(field.type)}
    # A sum of 64-bit numbers wraps around in silence, so they are added up as decimals.
    sums = [
        f'sum(CAST("{name}" AS DECIMAL(38,0)))' if name in whole else f'sum("{name}")'
        for name in columns
    ]
    query = f"SELECT {', '.join(['count(*)', *sums])} FROM measured"  # noqa: S608  # contract names
    answer = pa.table(QueryBuilder().register("measured", table).execute(query).read_all())
    return _name_measures(columns, [column[0].as_py() for column in answer.columns])


def _is_whole(kind: object) -> bool:
    return isinstance(kind, PrimitiveType) and kind.type in ("integer", "long")


def _name_measures(columns: Sequence[str], values: Sequence[Any]) -> dict[str, Decimal]:
    named = dict(zip(["rows", *columns], values, strict=True))
    for name, value in named.items():
        if isinstance(value, float):
            raise ReconciliationError(f"{name}: summed as a float, which is not exact")
    return {name: Decimal(value or 0) for name, value in named.items()}

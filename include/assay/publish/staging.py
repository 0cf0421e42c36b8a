"""Staging: rows go from Parquet or Delta into unlogged tables by binary COPY, batch by batch.

A staging table has the types, the NOT NULLs and the CHECKs of the table that is served, and a CHECK
for what its indexes can hold, so that whatever Postgres would refuse is refused here. Memory holds
one batch of rows at a time, so it does not grow with their number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder
from psycopg import sql
from psycopg.rows import tuple_row

from assay.contracts.columns import Column
from assay.contracts.lineage import name_in_lake
from assay.errors import StagingLostError
from assay.ledger.query import fetch_all
from assay.publish.targets import DELETED, Staged, Target
from assay.words import count

ROWS_PER_BATCH = 8192
READ_BYTES = 1 << 16
ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "boolean": pa.bool_(),
    "array<string>": pa.list_(pa.string()),
}
# A btree takes entries of 2,704 bytes; some of them are headers and columns that are no text.
LARGEST_INDEX_TEXT = 2560
NOT_NULL = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnotnull AND attname = ANY(%s)
"""
CHECKS = """
    SELECT conname, pg_get_expr(conbin, conrelid) FROM pg_constraint
    WHERE conrelid = %s::regclass AND contype = 'c' AND NOT EXISTS (
        SELECT FROM unnest(conkey) AS k JOIN pg_attribute ON attrelid = conrelid AND attnum = k
        WHERE attname <> ALL(%s))
"""
INDEX_TEXTS = """
    SELECT indexrelid::regclass::text, array_agg(pg_get_indexdef(indexrelid, a.attnum, true))
    FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid JOIN pg_am ON pg_am.oid = c.relam
    JOIN pg_attribute AS a ON a.attrelid = indexrelid AND a.atttypid = 'text'::regtype
    WHERE indrelid = %s::regclass AND amname = 'btree' GROUP BY 1
"""


def stage(connection: psycopg.Connection[Any], uri: str, target: Target, epoch: int) -> Target:
    """Copy a target's files into `staging.<table>_<epoch>`; the target, with where that is.

    `connection` is in autocommit: the COPY runs on a connection of its own. Raises what the
    driver raises when Postgres refuses a row; see `refusals`.
    """
    name = f"{target.staging}_{epoch}"
    drop_staging(connection, name)
    create_staging(connection, target, name)
    rows = 0
    if target.files or target.reload:
        rows = copy_batches(uri, name, read_batches(target))
    return replace(target, staged=Staged(name, rows))


def copy_batches(uri: str, name: str, batches: pa.RecordBatchReader) -> int:
    """Append the batches to a staging table in one COPY; returns the number of rows."""
    with adbc.connect(uri, autocommit=True) as copying, copying.cursor() as cursor:
        rows: int = cursor.adbc_ingest(name, batches, mode="append", db_schema_name="staging")
    return rows


def create_staging(connection: psycopg.Connection[Any], target: Target, name: str) -> None:
    """Make an empty staging table that refuses what the served table would refuse."""
    extra = sql.SQL(", false AS deleted" if target.has_deletions else "")
    columns = sql.SQL(", ").join(map(sql.Identifier, target.names))
    table = sql.Identifier("staging", name)
    connection.execute(
        sql.SQL("CREATE UNLOGGED TABLE {} AS SELECT {}{} FROM {} WITH NO DATA").format(
            table, columns, extra, sql.Identifier(*target.table.split("."))
        )
    )
    constraints = [
        sql.SQL("ADD CONSTRAINT {} CHECK ({})").format(sql.Identifier(says), sql.SQL(condition))
        for says, condition in _conditions(connection, target)
    ]
    if constraints:
        connection.execute(
            sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(", ").join(constraints))
        )


def _conditions(connection: psycopg.Connection[Any], target: Target) -> Iterator[tuple[str, str]]:
    """Name and condition of what the served table asks of a row; a deleted group has its keys."""
    unless = f"{DELETED.name} OR " if target.has_deletions else ""
    for (column,) in fetch_all(connection, NOT_NULL, [target.table, target.names]):
        condition = f'"{column}" IS NOT NULL'
        yield f"{column} is missing", condition if column in target.keys else unless + condition
    for name, condition in fetch_all(connection, CHECKS, [target.table, target.names]):
        yield name, f"{unless}({condition})"
    if target.source:
        for index, texts in fetch_all(connection, INDEX_TEXTS, [target.table]):
            size = " + ".join(f"coalesce(octet_length({text}), 0)" for text in texts)
            # A name of Postgres has 63 bytes.
            yield f"too long for {index.split('.')[-1]}"[:63], f"{size} <= {LARGEST_INDEX_TEXT}"


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The types under which binary COPY is exact for the columns' Postgres types."""
    return pa.schema([(column.name, _arrow_type(column)) for column in columns])


def _arrow_type(column: Column) -> pa.DataType:
    if column.is_decimal:
        precision, scale = map(int, column.type[len("decimal(") : -1].split(","))
        return pa.decimal128(precision, scale)
    return ARROW_TYPES[column.type]


def read_batches(target: Target) -> pa.RecordBatchReader:
    """The rows of a target, batch by batch, under exact types."""
    schema = arrow_schema(target.staged_columns)
    names = [name_in_lake(column) for column in target.staged_columns]
    batches = _read_delta(target) if target.reload else _read_parquet(target, names)
    cast = (batch.select(names).rename_columns(schema.names).cast(schema) for batch in batches)
    return pa.RecordBatchReader.from_batches(schema, cast)


def _read_parquet(target: Target, names: list[str]) -> Iterator[pa.RecordBatch]:
    for path in target.files:
        # pre_buffer would hold a whole row group in memory, and no buffer whole columns of it.
        # A change set of an earlier version has INT96, which as nanoseconds ends in 2262.
        with pq.ParquetFile(
            path, pre_buffer=False, buffer_size=READ_BYTES, coerce_int96_timestamp_unit="us"
        ) as file:
            yield from file.iter_batches(
                batch_size=ROWS_PER_BATCH, columns=names, use_threads=False
            )


def _read_delta(target: Target) -> Iterator[pa.RecordBatch]:
    path, version = target.reload or ("", 0)
    table = DeltaTable(path, version=version)
    there = {field.name for field in table.schema().fields}
    # A version from before a column was added lacks it.
    names = ", ".join(f'"{n}"' if n in there else f'NULL AS "{n}"' for n in target.names_in_lake)
    deleted = ", false AS deleted" if target.has_deletions else ""
    return read_delta(table, f"{names}{deleted}")


def read_delta(table: DeltaTable, columns: str) -> Iterator[pa.RecordBatch]:
    """Stream a Delta table at its version; `columns` is an SQL list made of its names."""
    query = f"SELECT {columns} FROM source"  # noqa: S608  # names from the contract
    return iter(
        pa.RecordBatchReader.from_stream(QueryBuilder().register("source", table).execute(query))
    )


def staging_of(target: Target) -> sql.Identifier:
    """The staging table of a target that was staged."""
    if target.staged is None:
        raise ValueError(f"{target.table} was not staged")
    return sql.Identifier("staging", target.staged.name)


def require_whole(connection: psycopg.Connection[Any], target: Target) -> None:
    """Raise StagingLostError unless the staging table holds what was copied into it.

    Postgres empties unlogged tables when it recovers from a crash.
    """
    rows = -1
    name = target.staged.name if target.staged else ""
    if fetch_all(connection, "SELECT to_regclass(%s)", [f'staging."{name}"'])[0][0]:
        with connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(staging_of(target)))
            rows = (cursor.fetchone() or (0,))[0]
    if target.staged is None or rows != target.staged.rows:
        raise StagingLostError(
            f"staging.{name} holds {count(max(rows, 0), 'row')} of what was staged"
        )


def drop_staging(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("staging", name)))


def drop_older_staging(
    connection: psycopg.Connection[Any], targets: Sequence[Target], epoch: int
) -> None:
    """Drop what earlier attempts left behind; one that still copies keeps its table for now."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")
        names = [name for (name,) in cursor.fetchall()]
    for target in targets:
        for name in names:
            found = re.fullmatch(re.escape(target.staging) + r"_(\d+)", name)
            if found and int(found[1]) < epoch:
                _drop_unless_locked(connection, name)


def _drop_unless_locked(connection: psycopg.Connection[Any], name: str) -> None:
    try:
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '1s'")
            drop_staging(connection, name)
    except psycopg.errors.LockNotAvailable:
        return

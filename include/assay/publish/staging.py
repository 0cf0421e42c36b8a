"""Staging: rows go from Parquet or Delta into unlogged tables by binary COPY, batch by batch.

Memory holds one batch of rows at a time, so it does not grow with their number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder
from psycopg import sql
from psycopg.rows import tuple_row

from assay.contract import Column, Contract, measured_columns

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
LINEAGE = (
    Column("batch_id", nullable=False),
    Column("file_id", nullable=False),
    Column("source_file", nullable=False),
    Column("record_number", "bigint", nullable=False),
)
DELETED = Column("deleted", "boolean", nullable=False)


@dataclass(frozen=True)
class Target:
    """One Postgres table that a release changes, and the Parquet files with the change.

    `source` is the lake's table; `measured` are the columns whose sums must agree with it.
    `replaces_all` is set when nothing that the table holds shall stay, `reload` when all rows
    shall come from Delta instead: path and version.
    """

    table: str
    source: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    measured: tuple[str, ...]
    files: tuple[Path, ...]
    has_deletions: bool
    replaces_all: bool
    reload: tuple[str, int] | None = None
    staged_as: str = ""

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def staged_columns(self) -> tuple[Column, ...]:
        return (*self.columns, DELETED) if self.has_deletions else self.columns

    def staging_name(self, epoch: int) -> str:
        return f"{self.staged_as or self.table.split('.')[1]}_{epoch}"


def serving_target(contract: Contract, built: Mapping[str, Any]) -> Target:
    """The row-level table of a silver contract: the new and the updated rows of a change set."""
    return Target(
        table=contract.serving,
        source=contract.table,
        keys=contract.keys,
        columns=(*contract.columns, *LINEAGE),
        measured=tuple(measured_columns(contract)),
        files=parquet_files(built["change_set"], "class=new", "class=updated"),
        has_deletions=False,
        replaces_all=built["base_is_empty"],
    )


def gold_target(contract: Contract, built: Mapping[str, Any]) -> Target:
    """A gold table: its touched groups, and which of them became empty."""
    summed = [c.name for c in contract.columns if c.is_decimal or c.type in ("int", "bigint")]
    return Target(
        table=contract.table,
        source=contract.table,
        keys=contract.keys,
        columns=contract.columns,
        measured=tuple(summed),
        files=parquet_files(built["candidates"], "."),
        has_deletions=True,
        replaces_all=built["base_is_empty"],
    )


def parquet_files(folder: str, *parts: str) -> tuple[Path, ...]:
    return tuple(path for part in parts for path in sorted(Path(folder, part).glob("*.parquet")))


def stage(connection: psycopg.Connection[Any], uri: str, target: Target, epoch: int) -> int:
    """Copy a target's files into `staging.<table>_<epoch>`; return the number of rows.

    `connection` is in autocommit: the COPY runs on a connection of its own.
    """
    name = target.staging_name(epoch)
    drop_staging(connection, name)
    _create_staging(connection, target, name)
    if not (target.files or target.reload):
        return 0
    with adbc.connect(uri, autocommit=True) as copying, copying.cursor() as cursor:
        rows: int = cursor.adbc_ingest(
            name, _read_batches(target), mode="append", db_schema_name="staging"
        )
    return rows


def _create_staging(connection: psycopg.Connection[Any], target: Target, name: str) -> None:
    # By query and not by LIKE: a deleted group has its keys only, so nothing may be NOT NULL.
    extra = sql.SQL(", false AS deleted" if target.has_deletions else "")
    columns = sql.SQL(", ").join(map(sql.Identifier, target.names))
    connection.execute(
        sql.SQL("CREATE UNLOGGED TABLE {} AS SELECT {}{} FROM {} WITH NO DATA").format(
            sql.Identifier("staging", name),
            columns,
            extra,
            sql.Identifier(*target.table.split(".")),
        )
    )


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The types under which binary COPY is exact for the columns' Postgres types."""
    return pa.schema([(column.name, _arrow_type(column)) for column in columns])


def _arrow_type(column: Column) -> pa.DataType:
    if column.is_decimal:
        precision, scale = map(int, column.type[len("decimal(") : -1].split(","))
        return pa.decimal128(precision, scale)
    return ARROW_TYPES[column.type]


def _read_batches(target: Target) -> pa.RecordBatchReader:
    schema = arrow_schema(target.staged_columns)
    batches = _read_delta(target) if target.reload else _read_parquet(target, schema.names)
    cast = (batch.select(schema.names).cast(schema) for batch in batches)
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
    names = ", ".join(f'"{name}"' for name in target.names)
    deleted = ", false AS deleted" if target.has_deletions else ""
    return read_delta(DeltaTable(path, version=version), f"{names}{deleted}")


def read_delta(table: DeltaTable, columns: str) -> Iterator[pa.RecordBatch]:
    """Stream a Delta table at its version; `columns` is an SQL list made of contract names."""
    query = f"SELECT {columns} FROM source"  # noqa: S608  # names from the contract
    return iter(
        pa.RecordBatchReader.from_stream(QueryBuilder().register("source", table).execute(query))
    )


def drop_staging(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("staging", name)))


def drop_older_staging(
    connection: psycopg.Connection[Any], targets: Sequence[Target], epoch: int
) -> None:
    """Drop what fenced attempts left behind; one that still copies keeps its table for now."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")
        names = [name for (name,) in cursor.fetchall()]
    for target in targets:
        mine = target.staging_name(epoch).removesuffix(str(epoch))
        for name in names:
            found = re.fullmatch(re.escape(mine) + r"(\d+)", name)
            if found and int(found[1]) < epoch:
                _drop_unless_locked(connection, name)


def _drop_unless_locked(connection: psycopg.Connection[Any], name: str) -> None:
    try:
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '1s'")
            drop_staging(connection, name)
    except psycopg.errors.LockNotAvailable:
        return

"""What an audit works on: the books, the logs, and tables of both stores in one DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from assay.contracts.columns import Column
from assay.contracts.folders import contract_path
from assay.contracts.load import load_contract
from assay.contracts.model import Contract, Layer
from assay.settings import Settings
from assay.storage.addresses import Place
from assay.storage.objects import folders_in
from assay.verify.books import Books, Row
from assay.verify.delta_log import LOG, LogEntry, read_log

# The lake calls the slice of a row by this name, everything else by `slice_id`.
SLICE_IN_LAKE = "file_id"
LINEAGE = ("batch_id", "slice_id", "source_file", "record_number")


@dataclass(frozen=True)
class ReleasedTable:
    """A Delta table as the newest release of its pipeline names it."""

    contract: Contract
    path: Place
    version: int
    release: Row

    @property
    def serving(self) -> str:
        """The Postgres table that must hold the same rows; empty when there is none."""
        return self.contract.serving if self.contract.layer == "silver" else self.contract.table

    @property
    def columns(self) -> list[Column]:
        """What both stores have: the contract's columns, and of a row its lineage."""
        kinds = {"record_number": "bigint"}
        lineage = [Column(name, kinds.get(name, "string")) for name in LINEAGE]
        return [*self.contract.columns, *(lineage if self.contract.layer == "silver" else [])]


@dataclass
class Evidence:
    """Everything that the checks may look at; `dataset` and `batch` narrow what they do."""

    settings: Settings
    books: Books
    uri: str
    database: duckdb.DuckDBPyConnection
    dataset: str = ""
    batch: str = ""
    made: set[str] = field(default_factory=set)
    _logs: dict[str, list[LogEntry]] = field(default_factory=dict)

    @cached_property
    def tables(self) -> list[ReleasedTable]:
        """Every released silver and gold table of the scope; a pipeline owns what it commits."""
        batch = self.books.batches.get(self.batch)
        return [
            table
            for table in self.everywhere
            if batch is None or batch["pipeline"] == table.release["pipeline"]
            if self.dataset in ("", table.contract.name, *table.contract.datasets)
        ]

    @cached_property
    def everywhere(self) -> list[ReleasedTable]:
        """Every released table that has a contract, silver first."""
        layers: tuple[Layer, ...] = ("silver", "gold")
        return [
            ReleasedTable(
                load_contract(layer, name), self.path(table), release["versions"][table], release
            )
            for layer in layers
            for table, release in sorted(self.books.current.items())
            for owner, name in [table.split(".")]
            if owner == layer and contract_path(layer, name).is_file()
        ]

    @property
    def silver(self) -> list[ReleasedTable]:
        return [table for table in self.tables if table.contract.layer == "silver"]

    @property
    def gold(self) -> list[ReleasedTable]:
        return [table for table in self.tables if table.contract.layer == "gold"]

    def path(self, table: str) -> Place:
        return self.settings.lake.joinpath(*table.split("."))

    def log(self, table: str) -> list[LogEntry]:
        if table not in self._logs:
            self._logs[table] = read_log(self.path(table))
        return self._logs[table]

    def table_names(self) -> list[str]:
        """Every Delta table in the lake that the scope concerns, as `<layer>.<name>`."""
        if not self.dataset:
            return self._names
        scope = {t.contract.table for t in self.tables}
        scope |= {f"{layer}.{self.dataset}" for layer in ("bronze", "quarantine", "silver")}
        return [name for name in self._names if name in scope]

    @cached_property
    def _names(self) -> list[str]:
        lake = self.settings.lake
        return [
            f"{layer}.{name}"
            for layer in folders_in(lake)
            for name in folders_in(lake / layer)
            if LOG in folders_in(lake / layer / name)
        ]

    def in_scope(self, batch_id: str) -> bool:
        return self.batch in ("", batch_id)

    def has_dataset(self, dataset: str) -> bool:
        return self.dataset in ("", dataset)

    def load(self, table: str, version: int | None, select: str = "*") -> str:
        """A Delta table as one of DuckDB's, read once; returns its quoted name.

        `select` is about its columns under the names that Postgres has for them.
        """
        name = f"{table}@{'head' if version is None else version}"
        if name not in self.made:
            delta = DeltaTable(self.path(table), version=version)
            query = f"SELECT {select} FROM (SELECT {_renamed(table, delta)} FROM source)"
            rows = QueryBuilder().register("source", delta).execute(query)
            self._create(name, pa.RecordBatchReader.from_stream(rows), "*")
        return f'"{name}"'

    def load_released(self, table: ReleasedTable) -> str:
        """As `load`; columns that the contract was given since are null."""
        name = self.load(table.contract.table, table.version)
        there = {row[0] for row in self.ask(f"DESCRIBE {name}")}
        for column in table.contract.columns:
            if column.name not in there:
                self.ask(f'ALTER TABLE {name} ADD COLUMN "{column.name}" {duck_type(column)}')
        return name

    def columns_of(self, table: str) -> set[str]:
        """The columns of a Delta table at its head."""
        return {field.name for field in DeltaTable(self.path(table)).schema().fields}

    def is_under_contract(self, contract: Contract, batch_id: str) -> bool:
        """Whether a batch was built under the contract as it is today."""
        return self.books.contract_of(batch_id, contract.table) == contract.version

    def load_postgres(self, table: str, columns: Sequence[Column]) -> str:
        """A table of Postgres, as the snapshot of the books has it, as one of DuckDB's."""
        if table not in self.made:
            with self.read_postgres(table, columns) as rows:
                self._create(table, rows, exact(columns))
        return f'"{table}"'

    @contextmanager
    def read_postgres(
        self, table: str, columns: Sequence[Column]
    ) -> Iterator[pa.RecordBatchReader]:
        """Stream a table of Postgres; decimals come as text, to be read by `exact`."""
        names = [f'"{c.name}"::text' if c.is_decimal else f'"{c.name}"' for c in columns]
        query = f"SELECT {', '.join(names)} FROM {table}"
        with adbc.connect(self.uri) as connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(f"SET TRANSACTION SNAPSHOT '{self.books.snapshot}'")
            cursor.execute(query)
            reader = cursor.fetch_record_batch()
            yield reader

    def _create(self, table: str, rows: pa.RecordBatchReader, select: str) -> None:
        self.database.register("incoming", rows)
        self.database.execute(f'CREATE TABLE "{table}" AS SELECT {select} FROM incoming')
        self.database.unregister("incoming")
        self.made.add(table)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.execute(query).fetchall()

    def ask_one(self, query: str) -> Any:
        return self.ask(query)[0][0]


def _renamed(table: str, delta: DeltaTable) -> str:
    """All columns, the slice of a row as `slice_id`; a gold table has its own columns alone."""
    stored = [field.name for field in delta.schema().fields]
    told = {} if table.startswith("gold.") else {SLICE_IN_LAKE: "slice_id"}
    return ", ".join(f'"{name}" AS "{told.get(name, name)}"' for name in stored)


def exact(columns: Sequence[Column]) -> str:
    """The columns under the types of the contract, whatever a driver made of them."""
    return ", ".join(f'CAST("{c.name}" AS {duck_type(c)}) AS "{c.name}"' for c in columns)


def duck_type(column: Column) -> str:
    return {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ"}.get(column.type, column.type)

"""What tables hold, read without Spark: rows of Delta and Postgres, and hashes of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import psycopg
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError
from psycopg import sql

from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.generate.truth import content_hash
from assay.storage.addresses import as_place

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SILVER = load_contract("silver", "trades")
GOLD = tuple(load_contract("gold", n) for n in ("daily_trade_summary", "customer_exposure"))
DELTA_TABLES = ("quarantine.trades", "silver.trades", *(gold.table for gold in GOLD))
Row = Mapping[str, Any]


def read_delta(lake: PurePath | str, table: str, version: int | None = None) -> pa.Table:
    """All rows of `<layer>.<name>`; deletion vectors are honoured."""
    delta = DeltaTable(as_place(str(lake)).joinpath(*table.split(".")), version=version)
    return pa.table(QueryBuilder().register("t", delta).execute("SELECT * FROM t").read_all())


def delta_version(lake: PurePath | str, table: str) -> int:
    """The newest version; -1 when there is no table."""
    try:
        return DeltaTable(as_place(str(lake)).joinpath(*table.split("."))).version()
    except TableNotFoundError:
        return -1


def commits_of(lake: PurePath | str, table: str, batch_id: str) -> int:
    """How many versions of a table a batch has made; a fence around it is none of them."""
    history = DeltaTable(as_place(str(lake)).joinpath(*table.split("."))).history()
    return sum(f'"batch_id": "{batch_id}"' in str(each.get("userMetadata")) for each in history)


def canonical(value: object) -> str:
    """A value as the truth file hashes it."""
    if value is None:
        return "\u001e"
    if isinstance(value, datetime):
        return str((value - EPOCH) // timedelta(microseconds=1))
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def hash_rows(rows: Iterable[Row], columns: Sequence[str]) -> str:
    """The content hash of rows by these columns, in any order."""
    return content_hash(
        hashlib.sha256("\u001f".join(canonical(row[c]) for c in columns).encode()).hexdigest()
        for row in rows
    )


def hash_delta(lake: PurePath | str, contract: Contract, version: int | None = None) -> str:
    """The content hash of a contract's columns in its Delta table."""
    rows = read_delta(lake, contract.table, version).to_pylist()
    return hash_rows(rows, contract.column_names)


def read_postgres(connection: psycopg.Connection[Any], table: str, columns: Sequence[str]) -> Any:
    """Rows of a table as mappings."""
    connection.execute("SET timezone TO 'UTC'")
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(*table.split("."))
    )
    found = connection.execute(query).fetchall()
    return [dict(zip(columns, row, strict=True)) for row in found]


def hash_postgres(connection: psycopg.Connection[Any], contract: Contract, table: str) -> str:
    """The content hash of a contract's columns in a Postgres table."""
    names = contract.column_names
    return hash_rows(read_postgres(connection, table, names), names)


def everything(lake: PurePath | str, connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Versions and content of all that a reader could see; equal when nothing has moved."""
    versions = {table: delta_version(lake, table) for table in DELTA_TABLES}
    releases = connection.execute("SELECT count(*) FROM ops.release").fetchone()
    return {
        **versions,
        "releases": releases[0] if releases else None,
        "silver": hash_delta(lake, SILVER) if versions["silver.trades"] >= 0 else None,
        "serving": hash_postgres(connection, SILVER, SILVER.serving),
        **{f"postgres {gold.table}": hash_postgres(connection, gold, gold.table) for gold in GOLD},
    }

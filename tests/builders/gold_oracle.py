"""Gold tables as DuckDB computes them from silver, by the audit's queries and not by Spark."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from assay.contracts.model import Contract
from assay.verify.evidence import exact
from assay.verify.stores import audit_query
from builders.content import hash_delta, hash_postgres, hash_rows, read_delta


def require_gold_of_silver(
    lake: Path, connection: psycopg.Connection[Any], tables: Iterable[Contract]
) -> None:
    """These gold tables are in Delta and in Postgres what silver makes as it stands."""
    for gold in tables:
        wanted = hash_gold_of_silver(lake, gold)
        assert hash_delta(lake, gold) == wanted, gold.table
        assert hash_postgres(connection, gold, gold.table) == wanted, gold.table


def hash_gold_of_silver(lake: Path, gold: Contract) -> str:
    """The content hash that a gold table must have."""
    with duckdb.connect() as aggregator:
        aggregator.execute("SET timezone = 'UTC'")
        for dataset in gold.datasets:
            aggregator.register(dataset, read_delta(lake, f"silver.{dataset}"))
        groups = aggregator.sql(audit_query(aggregator, gold)).project(exact(gold.columns))
        return hash_rows(groups.to_arrow_table().to_pylist(), gold.column_names)

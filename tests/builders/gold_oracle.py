"""The gold tables of trades as DuckDB aggregates them from silver, independent of Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import psycopg

from builders.content import GOLD, hash_delta, hash_postgres, hash_rows, read_delta

QUERIES = {
    "daily_trade_summary": """
        SELECT CAST(transaction_date AT TIME ZONE 'UTC' AS date) AS trade_day, from_currency,
               to_currency, count(*) AS trades,
               count(*) FILTER (transaction_status = 'COMPLETED') AS completed,
               count(*) FILTER (transaction_status = 'FAILED') AS failed,
               count(*) FILTER (transaction_status = 'PENDING') AS pending,
               CAST(sum(from_cost) AS decimal(28, 2)) AS from_cost,
               CAST(sum(to_cost) AS decimal(28, 2)) AS to_cost,
               CAST(coalesce(sum(from_pip), 0) AS decimal(19, 4)) AS from_pip_sum,
               count(from_pip) AS from_pip_count,
               CAST(coalesce(sum(to_pip), 0) AS decimal(19, 4)) AS to_pip_sum,
               count(to_pip) AS to_pip_count
        FROM silver GROUP BY ALL""",
    "customer_exposure": """
        SELECT customer_id, to_currency, count(*) AS trades,
               CAST(sum(to_cost) AS decimal(28, 2)) AS to_cost,
               max(CAST(transaction_date AT TIME ZONE 'UTC' AS date)) AS last_trade_day
        FROM silver GROUP BY ALL""",
}


def require_gold_of_silver(lake: Path, connection: psycopg.Connection[Any]) -> None:
    """Gold in Delta and in Postgres is the aggregate of silver as it stands."""
    silver = read_delta(lake, "silver.trades")
    with duckdb.connect() as aggregator:
        aggregator.execute("SET timezone = 'UTC'")
        aggregator.register("silver", silver)
        for gold in GOLD:
            groups = aggregator.sql(QUERIES[gold.name]).to_arrow_table().to_pylist()
            wanted = hash_rows(groups, gold.column_names)
            assert hash_delta(lake, gold) == wanted, gold.table
            assert hash_postgres(connection, gold, gold.table) == wanted, gold.table

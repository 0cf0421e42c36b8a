"""The tables of the two prior systems of events, as views: columns, dead letters, rates."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

EVENT = {
    "event_id": "e1",
    "event_time": "2026-01-02 10:00:00+00",
    "event_type": "purchase",
    "product_id": 17,
    "price": "12.50",
    "user_id": 1001,
    "batch_id": "b1",
    "slice_id": "f1",
    "source_file": "a.csv",
    "record_number": 1,
}


def insert(loader: psycopg.Connection[Any], table: str, row: dict[str, Any]) -> None:
    """Insert one row; Postgres takes it apart, so types are those of the table."""
    query = sql.SQL("INSERT INTO {0} SELECT * FROM jsonb_populate_record(NULL::{0}, %s)")
    loader.execute(query.format(sql.Identifier(*table.split("."))), [Jsonb(row)])


def test_an_event_shows_under_the_names_of_both_prior_systems(
    loader: psycopg.Connection[Any],
) -> None:
    insert(loader, "serving.ecommerce_event", EVENT | {"event_type": "view", "price": None})
    activity = loader.execute("SELECT * FROM serving.user_activity")
    assert [column.name for column in activity.description or ()] == [
        *("event_id", "event_time", "event_type", "product_id", "price", "user_id", "session_id")
    ]
    events = loader.execute("SELECT * FROM serving.events")
    names = [column.name for column in events.description or ()]
    assert names == [
        *("id", "user_id", "action", "product_id", "product_name", "price", "event_time"),
        *("session_id", "ingestion_time"),
    ]
    (row,) = events.fetchall()
    found = dict(zip(names, row, strict=True))
    assert (found["id"], found["action"]) == ("e1", "VIEW")
    assert found["price"] is found["product_name"] is found["session_id"] is None


def test_search_by_action_and_user_has_an_index(loader: psycopg.Connection[Any]) -> None:
    loader.execute("SET enable_seqscan = off")
    search = "SELECT id FROM serving.events WHERE user_id = 1 AND action = 'VIEW'"
    plan = "\n".join(line for (line,) in loader.execute(f"EXPLAIN {search}").fetchall())
    assert "ecommerce_event_by_user" in plan
    assert "Index Cond: ((user_id = 1) AND (upper(event_type) = 'VIEW'" in plan


def test_rates_are_null_where_there_is_nothing_to_divide_by(
    loader: psycopg.Connection[Any],
) -> None:
    loader.execute(
        "INSERT INTO gold.daily_conversion VALUES"
        " ('2026-01-02', 9, 1, 4, 1, 2, 30), ('2026-01-03', 1, 1, 0, 0, 0, 0)"
    )
    rates = loader.execute("SELECT conversion FROM gold.daily_conversion_rates ORDER BY event_day")
    assert [rate for (rate,) in rates.fetchall()] == [0.25, None]
    loader.execute(
        "INSERT INTO gold.product_performance VALUES"
        " ('1', '2026-01-02', 9, 5, 4, 40, 1, 10), ('2', '2026-01-02', 0, 0, 0, 0, 1, 5)"
    )
    rates = loader.execute(
        "SELECT return_rate, returned_share_of_revenue FROM gold.product_performance_rates"
        " ORDER BY product_id"
    )
    assert rates.fetchall() == [(0.25, 0.25), (None, None)]

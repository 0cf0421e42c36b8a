"""Events that come late, out of order or twice: one row a key, by the order of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.settings import Settings
from builders.stream_slices import Kafka, Value, event, record_file

if TYPE_CHECKING:
    import psycopg

    from conftest import Database

NOW = "SELECT event_id, price::text, state FROM live.ecommerce_event_now ORDER BY event_id"


def test_what_comes_late_or_twice_is_one_row(
    settings: Settings, database: Database, loader: psycopg.Connection[Any]
) -> None:
    kafka = Kafka(settings, database)
    kafka.take()
    one_micro_batch = [event("late", 5, "5.00"), event("late", 1, "1.00"), *twice("same")]
    kafka.record([*one_micro_batch, event("apart", 5, "5.00"), event("again"), event("file", 0)])
    kafka.record([event("apart", 1, "1.00"), event("again"), event("equal", 0, "1.00")])
    kafka.take()  # a restart, whose micro-batches count from 0
    kafka.record([event("equal", 0, "2.00")])
    record_file(settings, database, ["file", "again"])
    assert loader.execute(NOW).fetchall() == [
        ("again", "9.50", "live"),
        ("apart", "5.00", "live"),
        ("equal", "2.00", "live"),  # of one event time the latest delivered, as the contract says
        ("file", "9.50", "live"),
        ("late", "5.00", "live"),
        ("same", "9.50", "live"),
    ]


def twice(name: str) -> list[Value]:
    return [event(name), event(name)]

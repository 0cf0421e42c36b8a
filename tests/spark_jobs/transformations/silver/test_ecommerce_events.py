"""Silver ecommerce_events: which records are the same event when none says its event_id."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from assay.contracts.load import load_contract
from builders.typed_rows import bronze_rows
from spark_jobs.stages.registry import silver_function

SILVER = load_contract("silver", "ecommerce_events")
judge = silver_function("ecommerce_events")
PLAIN = {
    "event_time": "2026-01-02T10:00:00",
    "event_type": "view",
    "product_id": "17",
    "product_name": "Book",
    "price": "12.50",
    "user_id": "1001",
    "session_id": "10001",
}
SAME_EVENT = [
    {"event_time": "2026-01-02 12:00:00+02:00"},
    {"event_type": " VIEW "},
    {"product_id": "017"},
    {"price": "12.5"},
]
OTHER_EVENTS = [
    {"event_time": "2026-01-02T10:00:00.000001"},
    {"event_type": "purchase"},
    {"product_id": "18"},
    {"product_name": "Shoes"},
    {"product_name": None},
    {"price": None},
    {"user_id": "1002"},
    {"session_id": None},
    {"product_name": "10001", "session_id": "Book"},
]


@pytest.fixture(scope="module")
def identifiers(spark: SparkSession) -> list[str]:
    """Of a plain record, of those that say the same, and of those that do not."""
    rows = [PLAIN | change for change in ({}, *SAME_EVENT, *OTHER_EVENTS)]
    judged = judge(bronze_rows(spark, "ecommerce_events", *rows), SILVER)
    found = judged.orderBy("record_number").select("event_id", "reasons").collect()
    assert [row["reasons"] for row in found] == [[]] * len(rows)
    return [row["event_id"] for row in found]


def test_records_that_say_the_same_have_one_identifier(identifiers: list[str]) -> None:
    assert len(set(identifiers[: 1 + len(SAME_EVENT)])) == 1
    assert identifiers[0].startswith("h")
    assert len(identifiers[0]) == 65


def test_every_business_field_makes_another_event(identifiers: list[str]) -> None:
    others = identifiers[1 + len(SAME_EVENT) :]
    assert len({identifiers[0], *others}) == 1 + len(OTHER_EVENTS)


def test_delivered_identifier_stays_as_it_is(spark: SparkSession) -> None:
    frame = bronze_rows(spark, "ecommerce_events", PLAIN | {"event_id": " ca828f19 "})
    (found,) = judge(frame, SILVER).select("event_id").collect()
    assert found["event_id"] == "ca828f19"

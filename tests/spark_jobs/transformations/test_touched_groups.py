"""Gold candidates: the groups that a change set touches, and no others."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.testing import assertDataFrameEqual

from assay.contracts.load import load_contract
from builders.gold import candidates_of, summary_of
from builders.trades import change_set, silver
from spark_jobs.stages.registry import gold_functions
from spark_jobs.transformations.touched_groups import SilverInput, gold_candidates

EXPOSURE = load_contract("gold", "customer_exposure")
SUMMARY = load_contract("gold", "daily_trade_summary")
DAY = date(2026, 1, 1)
CUSTOMERS = {"customer_id": ("bob", "cyd")}


def trade(trade_id: str, customer: str, currency: str, cost: str, **others: Any) -> dict[str, Any]:
    facts = {"trade_id": trade_id, "customer_id": customer, "to_currency": currency}
    return {**facts, "to_cost": cost, **others}


def exposure(base: DataFrame | None, changes: DataFrame) -> DataFrame:
    return candidates_of("customer_exposure", [base], [changes])


def group(customer: str, currency: str, trades: int, cost: str) -> Row:
    return Row(
        customer_id=customer,
        to_currency=currency,
        trades=trades,
        to_cost=Decimal(cost),
        last_trade_day=DAY,
        deleted=False,
    )


def emptied(customer: str, currency: str) -> Row:
    return Row(
        customer_id=customer,
        to_currency=currency,
        trades=None,
        to_cost=None,
        last_trade_day=None,
        deleted=True,
    )


def test_first_load_makes_every_group(spark: SparkSession) -> None:
    changes = change_set(
        spark,
        trade("t1", "ann", "INR", "1.10", **{"class": "new"}),
        trade("t2", "ann", "INR", "2.20", **{"class": "new"}),
        trade("t3", "ann", "CHF", "4.00", **{"class": "new"}),
        trade("t4", "bob", "INR", "8.00", **{"class": "superseded"}),
        trade("t5", "bob", "INR", "9.00", **{"class": "duplicate"}),
        trade("t6", "bob", "INR", "9.00", **{"class": "quarantined"}),
    )
    expected = [group("ann", "INR", 2, "3.30"), group("ann", "CHF", 1, "4.00")]
    assertDataFrameEqual(exposure(None, changes), expected)


def test_only_touched_groups_are_made_and_from_all_of_silver(spark: SparkSession) -> None:
    base = silver(
        spark,
        trade("t1", "ann", "INR", "1.00"),
        trade("t2", "ann", "CHF", "2.00"),
        trade("t3", "bob", "INR", "4.00"),
    )
    changes = change_set(
        spark,
        trade("t9", "ann", "INR", "8.00", **{"class": "new"}),
        trade("t3", "bob", "INR", "0.00", **{"class": "superseded"}),
    )
    assertDataFrameEqual(exposure(base, changes), [group("ann", "INR", 2, "9.00")])


def test_update_touches_the_group_that_it_leaves_and_the_one_that_it_joins(
    spark: SparkSession,
) -> None:
    base = silver(
        spark,
        trade("t1", "ann", "INR", "1.00"),
        trade("t2", "ann", "INR", "2.00"),
        trade("t3", "ann", "CHF", "4.00"),
    )
    moved = trade("t2", "ann", "CHF", "5.00", old_to_currency="INR", old_to_cost="2.00")
    changes = change_set(spark, {**moved, "class": "updated"})
    expected = [group("ann", "INR", 1, "1.00"), group("ann", "CHF", 2, "9.00")]
    assertDataFrameEqual(exposure(base, changes), expected)


def test_group_left_empty_is_deleted_with_its_keys_only(spark: SparkSession) -> None:
    base = silver(spark, trade("t1", "ann", "INR", "1.00"), trade("t2", "bob", "INR", "2.00"))
    moved = trade("t1", "ann", "CHF", "1.00", old_to_currency="INR")
    changes = change_set(spark, {**moved, "class": "updated"})
    assertDataFrameEqual(
        exposure(base, changes), [group("ann", "CHF", 1, "1.00"), emptied("ann", "INR")]
    )


def test_nothing_touched_makes_no_candidate(spark: SparkSession) -> None:
    base = silver(spark, trade("t1", "ann", "INR", "1.00"))
    changes = change_set(spark, trade("t1", "ann", "INR", "1.00", **{"class": "duplicate"}))
    assertDataFrameEqual(exposure(base, changes), exposure(base, changes).limit(0))


def test_candidates_have_exactly_the_columns_of_the_contract(spark: SparkSession) -> None:
    base = silver(spark, {"trade_id": "old"})
    changes = change_set(spark, {"trade_id": "t", "class": "new"})
    for contract in (EXPOSURE, SUMMARY):
        for silver_rows in (None, base):
            made = candidates_of(contract.name, [silver_rows], [changes])
            expected = [(c.name, c.type) for c in contract.columns] + [("deleted", "boolean")]
            assert made.dtypes == expected


def test_day_of_a_summary_may_change_too(spark: SparkSession) -> None:
    base = silver(spark, {"trade_id": "t1", "transaction_date": "2026-01-01T23:59:59.999999"})
    moved = {
        "trade_id": "t1",
        "class": "updated",
        "transaction_date": "2026-01-02T00:00:00",
        "old_transaction_date": "2026-01-01T23:59:59.999999",
    }
    made = candidates_of("daily_trade_summary", [base], [change_set(spark, moved)])
    found = {(row["trade_day"], row["trades"], row["deleted"]) for row in made.collect()}
    assert found == {(date(2026, 1, 2), 1, False), (date(2026, 1, 1), None, True)}


def delta_of_days(spark: SparkSession, path: Path, *rows: dict[str, Any]) -> dict[str, Path]:
    """A silver table with a file for each row; returns the files by trade_id."""
    for row in rows:
        silver(spark, row).coalesce(1).write.format("delta").mode("append").save(str(path))
    added = DeltaTable(str(path)).get_add_actions(flatten=True)
    names = added.column("min.trade_id").to_pylist()
    return dict(zip(names, (path / f for f in added.column("path").to_pylist()), strict=True))


@pytest.mark.parametrize(
    ("table", "bounds", "unread"),
    [
        ("customer_exposure", CUSTOMERS, {"t1", "t5"}),
        (
            "customer_exposure",
            {"customer_id": ("bob", "cyd"), "to_currency": ("CHF", "INR")},
            {"t1", "t5"},
        ),
        ("daily_trade_summary", {"trade_day": ("2026-01-02", "2026-01-03")}, {"t1", "t5"}),
    ],
)
def test_bounds_spare_reading_files_and_change_no_group(
    spark: SparkSession,
    tmp_path: Path,
    table: str,
    bounds: dict[str, tuple[str, str]],
    unread: set[str],
) -> None:
    """A day is told by times, of which the first and the last of its day are in it."""
    at = "transaction_date"
    files = delta_of_days(
        spark,
        tmp_path / "silver",
        trade("t1", "ann", "INR", "1.00", **{at: "2026-01-01T23:59:00"}),
        trade("t2", "bob", "INR", "2.00", **{at: "2026-01-02T00:00:00"}),
        trade("t3", "bob", "CHF", "4.00", **{at: "2026-01-02T12:00:00"}),
        trade("t4", "cyd", "INR", "8.00", **{at: "2026-01-03T23:59:59.999999"}),
        trade("t5", "dan", "INR", "16.00", **{at: "2026-01-04T00:00:00"}),
    )
    base = spark.read.format("delta").load(str(tmp_path / "silver"))
    changes = change_set(
        spark,
        trade("t9", "bob", "INR", "32.00", **{"class": "new", at: "2026-01-02T01:00:00"}),
        trade(
            "t4",
            "cyd",
            "CHF",
            "64.00",
            **{"class": "updated", at: "2026-01-02T02:00:00"},
            old_customer_id="cyd",
            old_to_currency="INR",
            old_transaction_date="2026-01-03T23:59:59.999999",
        ),
    )
    contract = load_contract("gold", table)
    given = [SilverInput(load_contract("silver", "trades"), base, changes)]
    grain, summarise = gold_functions(table)
    gold = summary_of(table, base).localCheckpoint()
    whole = gold_candidates(given, gold, contract, grain, summarise).collect()
    for trade_id in unread:
        files[trade_id].unlink()
    near = gold_candidates(given, gold, contract, grain, summarise, bounds)
    assertDataFrameEqual(near, whole)
    assert {row["deleted"] for row in whole} == {True, False}

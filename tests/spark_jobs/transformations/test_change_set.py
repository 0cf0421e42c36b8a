"""The change set: every record in exactly one class, whatever the order of delivery."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from assay.results import RECORD_CLASSES
from builders.trades import SILVER, judged, silver, trades
from spark_jobs.transformations.change_set import (
    apply_change_set,
    classify,
    version_order,
)

EARLY, MIDDLE, LATE = "2026-01-01T00:00:00", "2026-01-02T00:00:00", "2026-01-03T00:00:00"
Version = dict[str, Any]


def version(trade: str, updated_on: str, row_hash: str, **others: Any) -> Version:
    return {"trade_id": trade, "updated_on": updated_on, "row_hash": row_hash, **others}


def classes_of(
    spark: SparkSession, records: list[Version], silver_rows: list[Version] | None = None
) -> list[str]:
    base = silver(spark, *silver_rows) if silver_rows is not None else None
    classified = classify(judged(spark, *records), SILVER, base).orderBy("record_number")
    return [row["class"] for row in classified.select("class").collect()]


def test_latest_version_of_a_key_is_new_and_the_others_are_superseded(spark: SparkSession) -> None:
    records = [
        version("a", MIDDLE, "a2"),
        version("a", LATE, "a3"),
        version("a", EARLY, "a1"),
        version("b", EARLY, "b1"),
        version("b", EARLY, "c1", customer_id="another"),
    ]
    assert classes_of(spark, records) == ["superseded", "new", "superseded", "new", "new"]


def test_copies_within_the_batch_are_duplicates_of_the_first_delivered(spark: SparkSession) -> None:
    records = [
        version("a", LATE, "a3", file_id="f2", record_number=1),
        version("a", LATE, "a3", file_id="f1", record_number=3),
        version("a", LATE, "a3", file_id="f1", record_number=2),
        version("a", EARLY, "a1", file_id="f0", record_number=5),
        version("a", EARLY, "a1", file_id="f0", record_number=4),
    ]
    classified = classify(judged(spark, *records), SILVER, None)
    assertDataFrameEqual(
        classified.select("file_id", "record_number", "class"),
        spark.createDataFrame(
            [
                ("f1", 2, "new"),
                ("f1", 3, "duplicate"),
                ("f2", 1, "duplicate"),
                ("f0", 4, "superseded"),
                ("f0", 5, "duplicate"),
            ],
            "file_id string, record_number bigint, class string",
        ),
    )


def test_equal_times_are_settled_by_row_hash_never_by_place(spark: SparkSession) -> None:
    for hashes in (["x", "y"], ["y", "x"]):
        records = [version("a", LATE, row_hash) for row_hash in hashes]
        expected = ["new" if row_hash == "y" else "superseded" for row_hash in hashes]
        assert classes_of(spark, records) == expected


def test_sequence_column_is_asked_before_the_row_hash() -> None:
    assert version_order(SILVER) == ["updated_on", "row_hash"]


def test_record_with_reasons_is_quarantined_and_never_ranked(spark: SparkSession) -> None:
    records = [
        version("a", LATE, None, reasons="from_cost.unparseable"),
        version("a", EARLY, "a1"),
        version(None, LATE, None, reasons="trade_id.missing"),
        version(None, LATE, None, reasons="trade_id.missing"),
    ]
    expected = ["quarantined", "new", "quarantined", "quarantined"]
    assert classes_of(spark, records) == expected
    assert classes_of(spark, records, [version("z", EARLY, "z1")]) == expected


def test_winner_is_measured_against_silver(spark: SparkSession) -> None:
    winners = {
        "newer": (LATE, "a", "updated"),
        "same time, greater hash": (MIDDLE, "z", "updated"),
        "same content": (MIDDLE, "m", "duplicate"),
        "same time, lesser hash": (MIDDLE, "b", "superseded"),
        "older": (EARLY, "z", "superseded"),
    }
    incoming = [version(trade, at, row_hash) for trade, (at, row_hash, _) in winners.items()]
    incoming += [version("unknown", EARLY, "u"), version("older", LATE, "o", customer_id="other")]
    base = [version(trade, MIDDLE, "m") for trade in winners]
    expected = [expected for _, _, expected in winners.values()]
    assert classes_of(spark, incoming, base) == [*expected, "new", "new"]


def test_every_record_is_measured_against_silver(spark: SparkSession) -> None:
    records = [
        version("a", LATE, "a3"),
        version("a", LATE, "a3"),
        version("a", MIDDLE, "a2"),
        version("a", MIDDLE, "a2"),
        version("a", EARLY, "a1"),
        version("b", EARLY, "b1"),
        version("b", MIDDLE, "b2"),
        version("b", MIDDLE, "b2"),
        version("c", EARLY, "c1"),
        version("c", EARLY, None, reasons="from_cost.missing"),
    ]
    base = [version("a", MIDDLE, "a2"), version("b", LATE, "b3"), version("z", LATE, "z3")]
    assert classes_of(spark, records, base) == [
        "updated",
        "duplicate",
        "duplicate",
        "duplicate",
        "superseded",
        "superseded",
        "superseded",
        "duplicate",
        "new",
        "quarantined",
    ]


def test_updated_record_carries_the_row_that_it_replaces(spark: SparkSession) -> None:
    records = [version("a", LATE, "a3", to_currency="CHF"), version("b", LATE, "b3")]
    base = silver(spark, version("a", EARLY, "a1", to_cost="7.10"))
    classified = classify(judged(spark, *records), SILVER, base)
    replaced = classified.where("class = 'updated'").select("replaced.*")
    assertDataFrameEqual(replaced, base.select(*SILVER.column_names))
    assert classified.where("class = 'new'").first()["replaced"] is None


def test_columns_are_the_same_with_and_without_silver(spark: SparkSession) -> None:
    frame = judged(spark, version("a", LATE, "a3"))
    alone = classify(frame, SILVER, None)
    compared = classify(frame, SILVER, silver(spark, version("a", EARLY, "a1")))
    assert dict(alone.dtypes) == dict(compared.dtypes)
    assert set(alone.columns) == {*frame.columns, "class", "replaced"}


def test_silver_after_a_change_set_has_new_updated_and_untouched_rows(spark: SparkSession) -> None:
    base = silver(spark, version("a", EARLY, "a1", to_cost="1"), version("z", LATE, "z1"))
    records = [
        version("a", LATE, "a3", to_cost="3"),
        version("b", EARLY, "b1", to_cost="4"),
        version("z", EARLY, "z0", to_cost="5"),
        version("c", EARLY, None, reasons="x.y"),
    ]
    changed = classify(judged(spark, *records), SILVER, base)
    assertDataFrameEqual(
        apply_change_set(base, changed, SILVER),
        trades(
            spark,
            {"trade_id": "a", "updated_on": LATE, "to_cost": "3"},
            {"trade_id": "b", "updated_on": EARLY, "to_cost": "4"},
            {"trade_id": "z", "updated_on": LATE},
        ),
    )


def random_versions(seed: int, count: int) -> list[Version]:
    """Few keys, times and contents, so that every kind of tie occurs."""
    draw = random.Random(seed)  # noqa: S311  not a secret
    times = [EARLY, MIDDLE, LATE]
    records = []
    for number in range(count):
        trade, at, content = draw.choice("abcdefgh"), draw.randrange(3), draw.choice("pq")
        bad = draw.random() < 0.1
        records.append(
            version(
                trade,
                times[at],
                None if bad else f"{trade}{at}{content}",
                reasons="x.y" if bad else "",
                file_id=f"f{number % 3}",
                record_number=number,
            )
        )
    return records


def apply_in_batches(
    spark: SparkSession, batches: list[list[Version]]
) -> tuple[DataFrame, list[dict[str, int]]]:
    """Silver (with hashes) after the batches, and the class counts of each."""
    rows: DataFrame | None = None
    counts = []
    for batch in batches:
        changed = classify(judged(spark, *batch), SILVER, rows).localCheckpoint()
        counted = {row["class"]: row["count"] for row in changed.groupBy("class").count().collect()}
        counts.append(counted)
        incoming = changed.where(F.col("class").isin("new", "updated"))
        kept = incoming.select(*silver(spark, {}).columns)
        if rows is not None:
            kept = kept.unionByName(rows.join(incoming, on=list(SILVER.keys), how="left_anti"))
        rows = kept.localCheckpoint()
    assert rows is not None
    return rows, counts


def test_silver_does_not_depend_on_batch_bounds_or_order(spark: SparkSession) -> None:
    records = random_versions(seed=1, count=60)
    good = [record for record in records if record["row_hash"]]
    good.sort(key=lambda record: (record["updated_on"], record["row_hash"]))
    best = {record["trade_id"]: record["row_hash"] for record in good}
    thirds = [records[:20], records[20:40], records[40:]]
    mixed = random.Random(2).sample(records, len(records))  # noqa: S311  not a secret
    for batches in ([records], thirds[::-1], [mixed[:7], mixed[7:50], mixed[50:]]):
        rows, counts = apply_in_batches(spark, batches)
        hashes = {row["trade_id"]: row["row_hash"] for row in rows.collect()}
        assert hashes == best
        assert rows.count() == len(best)
        for batch, counted in zip(batches, counts, strict=True):
            assert sum(counted.values()) == len(batch)
            assert set(counted) <= set(RECORD_CLASSES)
        assert sum(counted.get("new", 0) for counted in counts) == len(best)


def test_the_same_batch_again_brings_nothing_in(spark: SparkSession) -> None:
    records = random_versions(seed=3, count=40)
    (rows, (first, again)) = apply_in_batches(spark, [records, records])
    assert first["new"] == rows.count()
    assert not {"new", "updated"} & set(again)
    assert sum(again.values()) == len(records)


def test_classes_do_not_depend_on_the_order_of_records(spark: SparkSession) -> None:
    records = random_versions(seed=4, count=30)
    base = silver(spark, *(version(t, MIDDLE, f"{t}1p") for t in "abc"))
    orders = [records, records[::-1], random.Random(5).sample(records, 30)]  # noqa: S311
    frames = [
        classify(judged(spark, *order), SILVER, base).select("file_id", "record_number", "class")
        for order in orders
    ]
    for one, other in pairwise(frames):
        assertDataFrameEqual(one, other)

"""The change set: every record in exactly one class, whatever the order of delivery."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from assay.batch.results import RECORD_CLASSES
from assay.contracts.columns import Column
from assay.contracts.model import Contract
from assay.contracts.reserved import IN_SILVER, WHERE_ROUNDED
from builders.trades import PLAIN, SILVER, bronze, judged, silver, trades
from spark_jobs.transformations.change_set import CONFLICT, apply_change_set, classify
from spark_jobs.transformations.conform import conform

EARLY, MIDDLE, LATE = "2026-01-01T00:00:00", "2026-01-02T00:00:00", "2026-01-03T00:00:00"
Version = dict[str, Any]
CONFLICTS = replace(SILVER, on_equal_version="conflict")


def version(trade: str, updated_on: str, row_hash: str, **others: Any) -> Version:
    """A version whose content is as good as its hash: equal when that is equal."""
    content = {"created_by": row_hash, "row_hash": row_hash}
    return {"trade_id": trade, "updated_on": updated_on, **content, **others}


def classes_of(
    spark: SparkSession, records: list[Version], silver_rows: list[Version] | None = None
) -> list[str]:
    base = silver(spark, *silver_rows) if silver_rows is not None else None
    classified = classify(judged(spark, *records), SILVER, base).orderBy("record_number")
    return [row["class"] for row in classified.select("class").collect()]


def test_no_contract_has_a_column_that_a_change_set_adds(spark: SparkSession) -> None:
    rounding = replace(
        SILVER, columns=(*SILVER.columns, Column("fee", "decimal(9,2)", round="half_even"))
    )
    records = conform(bronze(spark, PLAIN), rounding)
    added = {*records.columns, *classify(records, rounding, None).columns} - {
        *rounding.column_names
    }
    assert added <= IN_SILVER | WHERE_ROUNDED
    assert {"class", "raw", "rounded"} <= added


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
    order = in_order(spark, "f0", "f1", "f2")
    classified = classify(judged(spark, *records), SILVER, None, order)
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


def in_order(spark: SparkSession, *file_ids: str) -> DataFrame:
    """The order of deliveries: these files, the first delivered first."""
    rows = [{"file_id": f, "delivery": f"{place:03}"} for place, f in enumerate(file_ids)]
    return spark.createDataFrame(pa.Table.from_pylist(rows))


def settled(
    spark: SparkSession,
    records: list[Version],
    base: list[Version] | None = None,
    order: tuple[str, ...] = ("f1", "f2", "f3"),
    contract: Contract = SILVER,
) -> list[str]:
    """The class of each record, with a mark when the order of deliveries decided."""
    stands = silver(spark, *base) if base is not None else None
    found = classify(judged(spark, *records), contract, stands, in_order(spark, *order))
    rows = found.orderBy("record_number").select("class", "settled").collect()
    return [f"{row['class']}!" if row["settled"] else row["class"] for row in rows]


def test_of_equal_versions_the_latest_delivered_wins_whatever_their_content(
    spark: SparkSession,
) -> None:
    records = [version("a", LATE, "x", file_id="f1"), version("a", LATE, "y", file_id="f2")]
    assert settled(spark, records) == ["superseded!", "new"]
    assert settled(spark, records, order=("f2", "f1")) == ["new", "superseded!"]
    in_one = [version("a", LATE, row_hash) for row_hash in "yxz"]
    assert settled(spark, in_one) == ["superseded!", "superseded!", "new"], "the last of a file"
    again = [version("a", LATE, row_hash) for row_hash in "xyxx"]
    assert settled(spark, again) == ["superseded!", "superseded!", "new", "duplicate"]
    assert settled(spark, [*records, version("a", EARLY, "e")]) == [
        "superseded!",
        "new",
        "superseded",
    ]


def test_equal_version_in_silver_is_replaced_by_a_later_delivery_only(spark: SparkSession) -> None:
    base = [version("a", LATE, "m", file_id="f2")]
    for file_id, expected in {
        "f3": "updated!",
        "f1": "superseded!",
        "unheard of": "superseded!",
    }.items():
        records = [version("a", LATE, "x", file_id=file_id)]
        assert settled(spark, records, base) == [expected], file_id
    copy = [version("a", LATE, "m", file_id="f3"), version("a", LATE, "n", file_id="f1")]
    assert settled(spark, copy, base) == ["duplicate", "superseded!"]
    newer = [version("a", LATE, "x", file_id="f3"), version("a", LATE, "y", file_id="f2")]
    assert settled(spark, newer, [version("a", EARLY, "m", file_id="f3")]) == [
        "updated",
        "superseded!",
    ]


def test_content_that_was_delivered_again_stands_against_a_late_file(spark: SparkSession) -> None:
    base = silver(spark, version("a", LATE, "m", file_id="f1"), version("b", LATE, "m"))
    copies = judged(
        spark,
        version("a", LATE, "m", file_id="f3"),
        version("b", LATE, "other", file_id="f3"),
        version("b", LATE, None, file_id="f3", reasons="x.y"),
    )
    late = judged(
        spark, version("a", LATE, "x", file_id="f2"), version("b", LATE, "x", file_id="f2")
    )
    order = in_order(spark, "file_1", "f1", "f2", "f3")
    found = classify(late, SILVER, base, order, copies).orderBy("trade_id")
    assert [row["class"] for row in found.collect()] == ["superseded", "updated"]


def test_conflicting_versions_are_quarantined_but_for_the_first_delivered(
    spark: SparkSession,
) -> None:
    records = [
        version("a", LATE, "x", file_id="f2"),
        version("a", LATE, "y", file_id="f1"),
        version("a", LATE, "y", file_id="f3"),
        version("a", EARLY, "p", file_id="f1"),
        version("a", EARLY, "q", file_id="f2"),
    ]
    assert settled(spark, records, contract=CONFLICTS) == [
        "quarantined",
        "new",
        "duplicate",
        "superseded",
        "superseded",
    ], "a version that a later one has replaced is no conflict"
    stands = [version("a", LATE, "x", file_id="f9")]
    assert settled(spark, records, stands, contract=CONFLICTS) == [
        "duplicate",
        "quarantined",
        "quarantined",
        "superseded",
        "superseded",
    ], "silver was there before"
    assert settled(spark, records, [version("a", EARLY, "p")], contract=CONFLICTS) == [
        "quarantined",
        "updated",
        "duplicate",
        "duplicate",
        "superseded",
    ]


def test_conflict_is_a_reason_and_shows_the_record_as_delivered(spark: SparkSession) -> None:
    records = [version("a", LATE, "x"), version("a", LATE, "y", to_cost="3")]
    found = classify(judged(spark, *records), CONFLICTS, None).where("class = 'quarantined'")
    (row,) = found.collect()
    assert row["reasons"] == [CONFLICT]
    assert json.loads(row["raw"]) == {"trade_id": "a", "to_cost": "3"}


def test_content_hashed_in_another_shape_is_the_same_content(spark: SparkSession) -> None:
    """A contract that gains a column changes every hash, and no content that lacks the column."""
    base = [version("a", LATE, "of old", created_by=None)]
    again = [version("a", LATE, "of new", created_by=None)]
    for contract in (SILVER, CONFLICTS):
        assert settled(spark, again, base, contract=contract) == ["duplicate"]
    filled = [version("a", LATE, "of new", created_by="ann", file_id="f2")]
    assert settled(spark, filled, base) == ["updated!"]
    assert settled(spark, filled, base, contract=CONFLICTS) == ["quarantined"]


def test_keys_with_separators_in_them_stay_apart(spark: SparkSession) -> None:
    keys = [("a\x1fb", "c"), ("a", "b\x1fc"), ("file_1", "3"), ("file_1:3", "c")]
    records = [
        version(trade, LATE, f"h{n}", customer_id=who) for n, (trade, who) in enumerate(keys)
    ]
    records[2] |= {"row_hash": None, "reasons": "x.y"}
    expected = ["new", "new", "quarantined", "new"]
    assert classes_of(spark, records) == expected
    assert classes_of(spark, records, [version("z", LATE, "z")]) == expected


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
        "same content": (MIDDLE, "m", "duplicate"),
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
    assert set(alone.columns) == {*frame.columns, "class", "settled", "replaced"} - {"delivered"}


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
            {"trade_id": "a", "updated_on": LATE, "to_cost": "3", "created_by": "a3"},
            {"trade_id": "b", "updated_on": EARLY, "to_cost": "4", "created_by": "b1"},
            {"trade_id": "z", "updated_on": LATE, "created_by": "z1"},
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
    counts: list[dict[str, int]] = []
    order = in_order(spark, "f0", "f1", "f2")
    for number, batch in enumerate(batches):
        before = [record for batch in batches[:number] for record in batch]
        copies = judged(spark, *before) if before else None
        changed = classify(judged(spark, *batch), SILVER, rows, order, copies).localCheckpoint()
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
    good.sort(key=lambda r: (r["updated_on"], r["file_id"], r["record_number"]))
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

"""Typing and judging: a value is taken exactly, or it is a reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from assay.contracts.columns import Column
from assay.contracts.dialect import BLANKS, TextForms
from assay.contracts.model import Contract
from builders.spellings import (
    CONTINENTAL,
    CONTINENTAL_TEXTS,
    DECIMALS,
    EXACT_TEXTS,
    MOMENT,
    MONEY,
    ROUNDED,
    ROUNDED_CONTINENTAL,
    ROUNDED_TEXTS,
    TIMESTAMPS,
    UNROUNDED_TEXTS,
)
from builders.trades import PLAIN, SILVER, bronze
from spark_jobs.transformations.conform import conform, rounded_values, row_hash
from spark_jobs.transformations.text import standardise, typed

USUAL = TextForms()


def typed_values(
    spark: SparkSession, column: Column, texts: Sequence[str | None], forms: TextForms = USUAL
) -> dict[Any, Any]:
    frame = spark.createDataFrame([(text,) for text in texts], "text string")
    value = typed(standardise(F.col("text"), column, forms), column, forms)
    rows = frame.select("text", value.cast("string").alias("value")).collect()
    return {row["text"]: row["value"] for row in rows}


def reasons_of(spark: SparkSession, *rows: dict[str, Any], **kwargs: Any) -> list[list[str]]:
    judged = conform(bronze(spark, *rows), SILVER, **kwargs).orderBy("record_number")
    return [row["reasons"] for row in judged.select("reasons").collect()]


def contract_of(*columns: Column) -> Contract:
    return Contract(
        table="silver.t",
        owner="o",
        description="",
        grain="",
        columns=columns,
        expectations=(),
        path=Path("t.yaml"),
        version="",
        keys=(columns[0].name,),
    )


def test_decimal_is_taken_exactly_or_not_at_all(spark: SparkSession) -> None:
    assert typed_values(spark, MONEY, list(DECIMALS)) == DECIMALS


def test_a_column_that_says_so_is_rounded_half_to_even(spark: SparkSession) -> None:
    texts = {**EXACT_TEXTS, **ROUNDED_TEXTS, **UNROUNDED_TEXTS}
    assert typed_values(spark, ROUNDED, list(texts)) == texts
    found = typed_values(spark, ROUNDED, list(ROUNDED_CONTINENTAL), CONTINENTAL)
    assert found == ROUNDED_CONTINENTAL
    without = typed_values(spark, replace(ROUNDED, round=None), list(texts))
    plain = {text: value for text, value in EXACT_TEXTS.items() if "e" not in str(text).lower()}
    assert without == {text: plain.get(text) for text in texts}


def test_the_widest_decimal_that_may_be_rounded_keeps_all_of_its_digits(
    spark: SparkSession,
) -> None:
    column = Column("rate", "decimal(36,6)", round="half_even")
    nines = "9" * 30
    found = typed_values(spark, column, [f"{nines}.9999985", f"{nines}.9999995", "-0.0000005"])
    assert [*found.values()] == [f"{nines}.999998", None, "0.000000"]


def test_a_record_tells_which_of_its_values_were_rounded(spark: SparkSession) -> None:
    columns = [replace(c, round="half_even") if c.is_decimal else c for c in SILVER.columns]
    contract = replace(SILVER, columns=tuple(columns))
    texts = [
        {"from_cost": "12.5"},
        {"from_cost": "0.125", "to_cost": "1e-7"},
        {"from_cost": f"{'9' * 16}.995", "to_cost": "0.135"},
    ]
    judged = conform(bronze(spark, *texts), contract).orderBy("record_number")
    rows = judged.select("from_cost", "to_cost", "reasons", "rounded").collect()
    assert [row["rounded"] for row in rows] == [
        [],
        ["from_cost", "to_cost"],
        ["from_cost", "to_cost"],
    ]
    assert (rows[1]["from_cost"], rows[1]["to_cost"]) == (Decimal("0.12"), Decimal("0.00"))
    assert rows[2]["reasons"] == ["from_cost.unparseable"]
    (told,) = (
        judged.where(F.size("reasons") == 0).agg(rounded_values(contract.rounded[0])).collect()
    )
    assert told["rounded_from_cost"] == 1
    assert "rounded" not in conform(bronze(spark, {}), SILVER).columns


def test_timestamp_is_a_moment_in_utc_or_nothing(spark: SparkSession) -> None:
    assert typed_values(spark, MOMENT, list(TIMESTAMPS)) == TIMESTAMPS


@pytest.mark.parametrize(("column", "spellings"), CONTINENTAL_TEXTS)
def test_texts_are_taken_in_the_forms_of_their_feed_or_not_at_all(
    spark: SparkSession, column: Column, spellings: Mapping[str, str | None]
) -> None:
    assert typed_values(spark, column, list(spellings), CONTINENTAL) == spellings


def test_text_is_trimmed_cased_and_null_when_blank(spark: SparkSession) -> None:
    texts = [" usd ", "Usd", "   ", "", None, "a b"]
    upper = typed_values(spark, Column("c", standardise="upper"), texts)
    lower = typed_values(spark, Column("c", standardise="lower"), texts)
    kept = typed_values(spark, Column("c"), texts)
    assert list(upper.values()) == ["USD", "USD", None, None, None, "A B"]
    assert list(lower.values()) == ["usd", "usd", None, None, None, "a b"]
    assert list(kept.values()) == ["usd", "Usd", None, None, None, "a b"]


def test_every_blank_of_unicode_and_what_has_no_width_is_trimmed(spark: SparkSession) -> None:
    white = {chr(n) for n in range(0x110000) if chr(n).isspace()} - set("\x1c\x1d\x1e\x1f")
    assert {*BLANKS} == white | set("\u180e\u200b\u200c\u200d\u2060\ufeff")
    around = [f"{blank}a{blank}b{blank}" for blank in BLANKS]
    assert typed_values(spark, Column("c"), around) == {t: t[1:-1] for t in around}
    assert {*typed_values(spark, Column("c"), [*BLANKS, BLANKS]).values()} == {None}
    kept = ["\xe9t\xe9", "\x1fa\x1f", "e\u0301", "\u0301", "\x7f", "~"]
    assert typed_values(spark, Column("c"), kept) == {text: text for text in kept}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "7", 7),
        ("bigint", "x", None),
        ("bigint", "041.000", 41),
        ("bigint", "5.", 5),
        ("bigint", ".0", None),
        ("bigint", "\x1f5", None),
        ("int", "2147483648", None),
        ("date", "2026-01-31", date(2026, 1, 31)),
        ("date", "2026-01-31t00:00", date(2026, 1, 31)),
        ("date", "2026-01-31T00:00:01", None),
    ],
)
def test_other_types_are_cast_or_null(
    spark: SparkSession, kind: str, text: str, value: object
) -> None:
    frame = spark.createDataFrame([(text,)], "text string")
    found = frame.select(typed(F.col("text"), Column("c", kind), USUAL).alias("c")).collect()
    assert found == [Row(c=value)]


def test_good_record_is_typed_hashed_and_keeps_its_lineage(spark: SparkSession) -> None:
    judged = conform(bronze(spark, {"from_pip": None, "created_by": "  "}), SILVER)
    moment = datetime(2026, 1, 1, 10, tzinfo=UTC)
    micros = str(int(moment.timestamp()) * 1_000_000)
    values = {
        **PLAIN,
        "from_pip": "\x1e",
        "created_by": "\x1e",
        **dict.fromkeys(("transaction_date", "created_on", "updated_on"), micros),
    }
    content = "\x1f".join(values[name] for name in SILVER.column_names)
    naive = moment.replace(tzinfo=None)
    expected = {
        **PLAIN,
        "from_cost": Decimal("10.55"),
        "to_cost": Decimal("10.55"),
        "from_pip": None,
        "to_pip": Decimal("10.5555"),
        "created_by": None,
        **dict.fromkeys(("transaction_date", "created_on", "updated_on"), naive),
        "batch_id": "batch_1",
        "file_id": "file_1",
        "source_file": "file_1.csv",
        "record_number": 1,
        "ingested_at": datetime(2026, 3, 1),
        "row_hash": hashlib.sha256(content.encode()).hexdigest(),
        "reasons": [],
        "raw": None,
    }
    assert judged.columns == [*expected, "delivered"]
    assertDataFrameEqual(judged.drop("delivered"), [Row(**expected)])


def test_every_rule_of_every_column_is_a_reason(spark: SparkSession) -> None:
    required = [c for c in SILVER.columns if not c.nullable]
    cases: list[tuple[dict[str, Any], list[str]]] = []
    cases += [({c.name: None}, [f"{c.name}.missing"]) for c in required]
    cases += [({c.name: " "}, [f"{c.name}.missing"]) for c in required]
    for column in SILVER.columns:
        if column.type != "string":
            cases.append(({column.name: "x"}, [f"{column.name}.unparseable"]))
        if column.allowed:
            cases.append(({column.name: "XXX"}, [f"{column.name}.unknown"]))
        if column.maximum is not None:
            cases.append(({column.name: "-0.01"}, [f"{column.name}.out_of_range"]))
            beyond = str(Decimal(column.maximum) + Decimal("0.01"))
            cases.append(({column.name: beyond}, [f"{column.name}.out_of_range"]))
            cases.append(({column.name: column.maximum}, []))
            cases.append(({column.name: column.minimum}, []))
        if column.max_length is not None and not column.is_vocabulary:
            longest = "\u00e9" * (column.max_length // 2)
            cases.append(({column.name: longest}, []))
            cases.append(({column.name: f"{longest}x"}, [f"{column.name}.too_long"]))
        if column.type == "timestamp":
            cases += [({column.name: t}, []) for t in ("0001-01-01", "9999-12-31T23:59:59.999999")]
            outside = ("0001-01-01T00:00+14:00", "9999-12-31T23:59:59-01:00", "0000-06-01")
            cases += [({column.name: t}, [f"{column.name}.out_of_range"]) for t in outside]
        if column.nullable:
            cases.append(({column.name: None}, []))
    assert reasons_of(spark, *(row for row, _ in cases)) == [reasons for _, reasons in cases]


def test_all_reasons_are_recorded_in_the_order_of_the_contract(spark: SparkSession) -> None:
    spoilt = {"updated_on": "", "trade_id": None, "from_cost": "-1", "to_currency": "XXX"}
    assert reasons_of(spark, spoilt) == [
        ["trade_id.missing", "to_currency.unknown", "from_cost.out_of_range", "updated_on.missing"]
    ]


def test_row_rule_breaks_only_when_it_is_false(spark: SparkSession) -> None:
    rules = {"cost.equal": F.col("from_cost") == F.col("to_cost")}
    rows = [
        {"from_cost": "1", "to_cost": "1"},
        {"from_cost": "1", "to_cost": "2"},
        {"from_cost": "x", "to_cost": "2"},
    ]
    assert reasons_of(spark, *rows, row_rules=rules) == [
        [],
        ["cost.equal"],
        ["from_cost.unparseable"],
    ]


def test_malformed_record_has_that_reason_only_and_keeps_its_text(spark: SparkSession) -> None:
    rows = [{"malformed_record": "a,b", "trade_id": None, "from_cost": "x"}]
    judged = conform(bronze(spark, *rows), SILVER).select("reasons", "raw", "row_hash")
    expected = [Row(reasons=["record.malformed"], raw="a,b", row_hash=None)]
    assertDataFrameEqual(judged, expected)


def test_repeated_header_is_known_by_its_keys(spark: SparkSession) -> None:
    rows = [
        {"trade_id": "TradeId", "customer_id": "CustomerId", "from_cost": "From_Cost"},
        {"trade_id": "trade_id", "customer_id": "customer id"},
        {"trade_id": '\ufeff"Trade_Id"', "customer_id": " _CUSTOMER ID "},
        {"trade_id": "TradeId", "customer_id": "somebody"},
        {"trade_id": "TradeId", "customer_id": None},
    ]
    assert reasons_of(spark, *rows) == [
        ["record.repeated_header"],
        ["record.repeated_header"],
        ["record.repeated_header"],
        [],
        ["customer_id.missing"],
    ]


def test_quarantined_record_keeps_its_columns_as_they_were_delivered(spark: SparkSession) -> None:
    judged = conform(bronze(spark, {"from_cost": " 1.005 ", "created_by": None}), SILVER)
    (found,) = judged.select("raw", "row_hash").collect()
    delivered = {**PLAIN, "from_cost": " 1.005 "}
    del delivered["created_by"]
    assert json.loads(found["raw"]) == delivered
    assert found["row_hash"] is None


def test_missing_optional_column_is_null(spark: SparkSession) -> None:
    judged = conform(bronze(spark, {}).drop("created_by"), SILVER)
    assertDataFrameEqual(
        judged.select("created_by", "reasons"),
        spark.createDataFrame([(None, [])], "created_by string, reasons array<string>"),
    )


def test_row_hash_is_of_business_values_alone(spark: SparkSession) -> None:
    rows = [
        {},
        {"file_id": "other", "record_number": 77, "batch_id": "b"},
        {"from_cost": "010.5500", "from_currency": " usd "},
        {"updated_on": "2026-01-01T11:00:00+01:00"},
        {"from_cost": "10.56"},
        {"updated_on": "2026-01-01T10:00:00.000001"},
        {"from_pip": None},
        {"created_by": None, "updated_by": "x"},
        {"created_by": "x", "updated_by": None},
    ]
    judged = conform(bronze(spark, *rows), SILVER)
    hashes = [row["row_hash"] for row in judged.collect()]
    assert len(set(hashes[:4])) == 1
    assert len(set(hashes[3:])) == 6


def test_row_hash_tells_null_from_empty_and_columns_apart(spark: SparkSession) -> None:
    contract = contract_of(Column("a"), Column("b"))
    pairs = [("x", None), (None, "x"), ("", "x"), ("x", ""), ("xx", ""), (None, None)]
    pairs += [("a\x1fb", "c"), ("a", "b\x1fc"), ("\x1e", "x"), ("\x1d", "x"), ("\x1e\x1e", "x")]
    pairs += [("\x1e\x1dC", "x"), ("\x1f", "x"), ("\x1dC", "x"), ("\x1dA", "x"), ("\x1e\x1f", "")]
    frame = spark.createDataFrame(pairs, "a string, b string")
    hashes = [row["h"] for row in frame.select(row_hash(contract).alias("h")).collect()]
    assert len(set(hashes)) == len(pairs)

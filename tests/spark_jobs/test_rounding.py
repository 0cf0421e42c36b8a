"""Floats of each format in a column that says `round`: three readers, one value, counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from assay.batch.plan import Plan
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.settings import load_settings
from assay.verify.rounding import add_rounding
from assay.verify.text import typed
from builders.attempts import Attempts
from builders.batches import take
from builders.contracts import changed_contracts
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.transformations.conform import conform

if TYPE_CHECKING:
    from conftest import Database

RETURNS = "product_returns"
FLOATS = [0.1 + 0.2, 0.125, 0.135, 1e-07, 2.675, 1234567.125, 5e-324, 1.2345678e-12, 7.5, 12.999999]
# Of the shortest digits of each, by Python.
VALUES = [Decimal(repr(f)).quantize(Decimal("0.01")) for f in FLOATS]


def returns(values: list[float], prefix: str = "r") -> list[dict[str, Any]]:
    return [
        {
            "return_id": f"{prefix}-{at}",
            "order_id": "o-1",
            "sku": "111",
            "reason": "damaged",
            "qty": 1,
            "amount": value,
            "return_date": "2026-01-02",
            "ingest_ts": "2026-01-04T20:07:34",
        }
        for at, value in enumerate(values)
    ]


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    """In the format of the suffix, each float as Python or Arrow writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    elif path.suffix == ".json":
        path.write_text(json.dumps(records))
    else:
        lines = [",".join(records[0]), *(",".join(map(str, r.values())) for r in records)]
        path.write_text("\n".join(lines) + "\n")
    return path


def rounding(contract: Contract) -> Contract:
    columns = [replace(c, round="half_even") if c.is_decimal else c for c in contract.columns]
    return replace(contract, columns=tuple(columns))


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet"])
def test_a_float_is_the_same_value_in_every_format_and_for_the_auditor(
    spark: SparkSession, tmp_path: Path, suffix: str
) -> None:
    floats = [f for f in FLOATS if suffix not in ("json", "jsonl") or "e-324" not in repr(f)]
    path = write(tmp_path / f"returns.{suffix}", returns(floats))
    bronze, silver = load_contract("bronze", RETURNS), rounding(load_contract("silver", RETURNS))
    read = read_files(spark, [take(tmp_path, path, RETURNS)], bronze, "batch")
    rows = conform(read, silver).orderBy("record_number").select("amount", "rounded").collect()
    expected = [value for f, value in zip(FLOATS, VALUES, strict=True) if f in floats]
    assert [row["amount"] for row in rows] == expected
    assert [bool(row["rounded"]) for row in rows] == [f != 7.5 for f in floats]
    texts = read.orderBy("record_number").select("record_number", "amount").toArrow()
    (amount,) = silver.rounded
    with duckdb.connect() as database:
        add_rounding(database)
        database.register("texts", texts)
        query = f"SELECT {typed(amount, silver, bronze)} FROM texts ORDER BY record_number"  # noqa: S608
        assert [value for (value,) in database.execute(query).fetchall()] == expected


def round_amounts(facts: dict[str, Any]) -> None:
    (amount,) = (c for c in facts["columns"] if c["name"] == "amount")
    amount["round"] = "half_even"


@pytest.fixture
def pipeline(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Attempts]:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    with changed_contracts(tmp_path / "contracts", {RETURNS: round_amounts}):
        yield Attempts(load_settings(), database.uri(), spark, pipeline=RETURNS)


def load(pipeline: Attempts, name: str, **params: Any) -> tuple[Plan, dict[str, Any]]:
    """The batch, and what build_silver told of it."""
    plan = pipeline.accept(name, **params)
    if plan.slices:
        pipeline.run(plan, "ingest_bronze")
    built = pipeline.run(plan, "build_silver")
    pipeline.run(plan, "build_gold", "commit")
    assert [r.batch_id for r in pipeline.publish()] == [plan.batch_id]
    assert pipeline.violations() == []
    return plan, built


def ask(pipeline: Attempts, query: str, *parameters: object) -> list[Any]:
    with pipeline.connect() as connection:
        return connection.execute(query, parameters).fetchall()  # type: ignore[call-overload, no-any-return]


@pytest.mark.long
def test_rounded_values_are_counted_from_the_stage_to_the_books_and_audited(
    pipeline: Attempts,
) -> None:
    landing = pipeline.settings.landing / RETURNS
    write(landing / "returns_2026-01-03.csv", returns([0.125, 1.5, 99999999999.0, -0.125]))
    write(landing / "returns_2026-01-04.parquet", returns([0.1 + 0.2, 2.25], prefix="p"))
    plan, built = load(pipeline, "first")
    assert built["rounded"] == {RETURNS: {"amount": 2}}
    assert built["summary"].endswith("2 values rounded: 2 of amount")
    served = ask(pipeline, "SELECT return_id, amount FROM serving.product_return ORDER BY 1")
    assert served == [
        ("p-0", Decimal("0.30")),
        ("p-1", Decimal("2.25")),
        ("r-0", Decimal("0.12")),
        ("r-1", Decimal("1.50")),
    ]
    query = "SELECT rounded, quarantined FROM ops.row_ledger WHERE batch_id = %s ORDER BY 2"
    assert ask(pipeline, query, plan.batch_id) == [(1, 0), (1, 2)]
    # A rebuild judges the texts of bronze anew, and counts the same.
    rebuild, _ = load(pipeline, "rebuild", full_rebuild=True)
    assert ask(pipeline, query, rebuild.batch_id) == [(1, 0), (1, 2)]
    with pipeline.connect() as connection:
        connection.execute("UPDATE ops.row_ledger SET rounded = rounded + 1")
    (found, *_) = [v for v in pipeline.violations() if "rounded values" in v]
    assert "rounded values of silver.product_returns = ops.row_ledger" in found

"""The gates: expectations of a contract over real frames, and what a failed one tells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any, get_args

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from assay.batch.results import from_json
from assay.batch.verdicts import Verdict
from assay.contracts.load import all_contracts, load_contract
from assay.contracts.model import Contract, Expectation, Layer
from assay.errors import ContractError
from builders.trades import SILVER, silver
from builders.typed_rows import silver_rows
from spark_jobs.gates.expectations import GateFrame, open_context, run_gate
from spark_jobs.gates.validate_bronze import FILE_COUNTS
from spark_jobs.gates.validate_gold import TOTALS
from spark_jobs.gates.validate_silver import CLASSES
from spark_jobs.transformations.conform import LINEAGE

CONTRACTS = [contract for layer in get_args(Layer) for contract in all_contracts(layer)]
LOCATED = ("source_file", "record_number")


@pytest.fixture(scope="module")
def context() -> Any:
    return open_context()


def about_rows(names: Sequence[str]) -> Contract:
    """The silver contract with these of its expectations."""
    kept = tuple(e for e in SILVER.expectations if e.name in names)
    assert len(kept) == len(names)
    return replace(SILVER, expectations=kept)


def gate(context: Any, contract: Contract, rows: DataFrame, name: str) -> list[Verdict]:
    """Contexts keep names, so each gate gets a table of its own."""
    table = f"silver.{name}"
    return run_gate(context, replace(contract, table=table), [GateFrame("rows", rows, LOCATED)])


def test_planted_violations_are_found_and_located(spark: SparkSession, context: Any) -> None:
    rows = silver(
        spark,
        *({"trade_id": f"good {n}"} for n in range(5)),
        *({"trade_id": f"bad {n}", "from_cost": "-1.50", "file_id": "f2"} for n in range(12)),
        {"trade_id": "twice", "to_currency": "USD"},
        {"trade_id": "twice", "transaction_status": "DONE"},
    )
    asked = [
        "one row per trade and customer",
        "every trade has an identifier",
        "known status",
        "amount sold in range",
        "a trade changes the currency",
    ]
    verdicts = {v.expectation: v for v in gate(context, about_rows(asked), rows, "planted")}
    assert list(verdicts) == asked
    assert verdicts["every trade has an identifier"].success
    failed = {name: verdict for name, verdict in verdicts.items() if not verdict.success}
    assert len(failed) == 4

    amount = failed["amount sold in range"]
    assert amount.unexpected_count == 12
    places = [(r["source_file"], r["record_number"]) for r in amount.failing]
    assert len(places) == 10
    assert set(places) <= {("file_1.csv", n) for n in range(6, 18)}
    assert {float(record["from_cost"]) for record in amount.failing} == {-1.5}

    (status,) = failed["known status"].failing
    place = {"source_file": "file_1.csv", "record_number": 19}
    assert status == {"transaction_status": "DONE", **place}
    twice = failed["one row per trade and customer"].failing
    assert sorted(record["record_number"] for record in twice) == [18, 19]
    assert all("customer_id" not in record for record in twice)  # sensitive
    (same,) = failed["a trade changes the currency"].failing
    assert same["record_number"] == 18


def test_expectation_about_some_rows_leaves_the_others_alone(
    spark: SparkSession, context: Any
) -> None:
    rows = silver_rows(
        spark,
        "ecommerce_events",
        {"event_type": "view"},
        {"event_type": "view", "price": "0"},
        {"event_type": "purchase"},
        {"event_type": "purchase", "price": "0"},
        {"event_type": "purchase", "price": "1"},
    )
    events = load_contract("silver", "ecommerce_events")
    asked = {"every purchase has a price", "nothing is bought for nothing"}
    about = replace(
        events,
        table="silver.purchases",
        expectations=tuple(e for e in events.expectations if e.name in asked),
    )
    verdicts = run_gate(context, about, [GateFrame("rows", rows, ("event_type",))])
    found = {verdict.expectation: verdict.unexpected_count for verdict in verdicts}
    assert found == dict.fromkeys(asked, 1)


def test_rows_that_the_driver_knows_are_judged_exactly_and_located(context: Any) -> None:
    gold = load_contract("gold", "daily_trade_summary")
    asked = tuple(e for e in gold.expectations if e.frame == "totals")
    sums = {
        "trades": ("3", "3"),
        "from_cost": ("9999999999999999999999999999999999.1234",) * 2,
        "to_cost": (
            "9999999999999999999999999999999999.1234",
            "9999999999999999999999999999999999.1235",
        ),
        "pips": ("0.0001", "0"),
    }
    rows = [
        {"measure": name, "gold": Decimal(left), "silver": Decimal(right)}
        for name, (left, right) in sums.items()
    ]
    frame = GateFrame("totals", pa.Table.from_pylist(rows, TOTALS), tuple(TOTALS.names))
    about = replace(gold, table="gold.known", expectations=asked)
    (verdict,) = run_gate(context, about, [frame])
    assert (verdict.success, verdict.unexpected_count) == (False, 2)
    assert [record["measure"] for record in verdict.failing] == ["to_cost", "pips"]
    assert from_json(Verdict, json.loads(json.dumps(asdict(verdict)))) == verdict


def test_every_expectation_of_the_contract_passes_on_good_rows(
    spark: SparkSession, context: Any
) -> None:
    rows = silver(spark, *({"trade_id": f"t{n}"} for n in range(3)))
    contract = about_rows([e.name for e in SILVER.expectations if e.frame == "rows"])
    verdicts = gate(context, contract, rows, "good")
    assert [v.expectation for v in verdicts] == [e.name for e in contract.expectations]
    assert all(verdict.success for verdict in verdicts)
    assert all(verdict.failing == [] for verdict in verdicts)
    assert {v.severity for v in verdicts} == {"fail"}


def test_expectation_about_an_unknown_frame_is_a_contract_error(
    spark: SparkSession, context: Any
) -> None:
    with pytest.raises(ContractError, match=r"asks for the frame 'classes'.* has \['rows'\]"):
        gate(context, SILVER, silver(spark, {}), "unknown_frame")


def test_expectation_that_cannot_run_is_not_met_and_says_why(
    spark: SparkSession, context: Any
) -> None:
    broken = Expectation(
        name="no such column",
        type="expect_column_values_to_not_be_null",
        frame="rows",
        kwargs={"column": "colour"},
    )
    contract = replace(SILVER, expectations=(broken,))
    (verdict,) = gate(context, contract, silver(spark, {}), "broken")
    assert not verdict.success
    assert "colour" in verdict.observed


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.table)
def test_great_expectations_takes_every_expectation_of_a_contract(contract: Contract) -> None:
    from great_expectations.expectations.registry import get_expectation_impl

    frames = columns_of_frames(contract)
    for expectation in contract.expectations:
        made = get_expectation_impl(expectation.type)(**expectation.kwargs)
        assert made.expectation_type == expectation.type
        assert named_columns(expectation) <= frames[expectation.frame], expectation.name


def columns_of_frames(contract: Contract) -> dict[str, set[str]]:
    """What a gate's frames have, for every frame that a contract of this layer may ask for."""
    rows = {*contract.column_names}
    if contract.layer == "gold":
        return {"rows": rows, "totals": {*TOTALS.names}}
    if contract.layer == "silver":
        records = {*LOCATED, "quarantined_for"}
        return {"rows": rows | {*LINEAGE}, "records": records, "classes": {*CLASSES.names}}
    return {
        "rows": rows | {*LINEAGE, "unknown_columns", "malformed_record"},
        "file_counts": {*FILE_COUNTS.names},
    }


def named_columns(expectation: Expectation) -> set[str]:
    given = expectation.kwargs
    single = {given[name] for name in ("column", "column_A", "column_B") if name in given}
    return single | {*given.get("column_list", ())}

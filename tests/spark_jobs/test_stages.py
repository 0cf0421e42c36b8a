"""The stages in turn on a real lake, compared with the truth of the generated files."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from assay.batch.inputs import Rebuild
from assay.batch.plan import Plan
from assay.batch.results import RECORD_CLASSES
from assay.contracts.load import gold_contracts, load_contract
from assay.generate.truth import Truth
from assay.storage.delta_history import head
from builders.batches import Lake
from builders.lake_content import (
    QUARANTINE,
    SILVER,
    TABLES,
    assert_gold_is_of_silver,
    contents,
    silver_hash,
    table,
    versions,
)


def assert_gates_pass(lake: Lake, *layers: str) -> None:
    for layer in layers:
        verdicts = lake.results[f"validate_{layer}"]["verdicts"]
        assert verdicts
        assert [verdict for verdict in verdicts if not verdict["success"]] == []


def total_classes(result: dict[str, Any]) -> dict[str, int]:
    files = result["datasets"]["trades"]["classes"].values()
    return {name: sum(file[name] for file in files) for name in RECORD_CLASSES}


def test_every_record_is_in_bronze_once_and_numbered(
    loaded: tuple[Lake, Plan], truth: Truth
) -> None:
    lake, plan = loaded
    counted = lake.results["ingest_bronze"]["datasets"]["trades"]["records"]
    assert counted == {file.slice_id: file.records for file in plan.slices}
    places = (
        table(lake, "bronze/trades")
        .groupBy("source_file")
        .agg(F.sort_array(F.collect_list("record_number")).alias("numbers"))
    )
    expected = {file.name: [*range(1, file.records + 1)] for file in truth.files}
    assert {row["source_file"]: row["numbers"] for row in places.collect()} == expected


def test_classes_reasons_and_sums_are_the_truth(loaded: tuple[Lake, Plan], truth: Truth) -> None:
    lake, plan = loaded
    built = lake.results["build_silver"]["datasets"]["trades"]
    assert total_classes(lake.results["build_silver"]) == truth.classes
    assert built["reasons"] == truth.reasons
    names = {file.slice_id: file.source_file for file in plan.slices}
    by_file = {names[file_id]: counts for file_id, counts in built["classes"].items()}
    for file in truth.files:
        found = by_file[file.name]
        assert (found["records"], found["quarantined"]) == (file.records, file.quarantined)
        assert sum(found[name] for name in RECORD_CLASSES) == file.records
    assert built["sums"]["new"] == truth.silver_sums
    good = [built["sums"][name] for name in ("new", "duplicate", "superseded")]
    assert {c: str(sum(Decimal(s[c]) for s in good)) for c in SILVER.money} == truth.good_sums
    assert built["sums"]["updated"] == built["sums"]["replaced"] == dict.fromkeys(SILVER.money, "0")


def test_silver_is_the_truth_and_gold_adds_up_to_it(
    loaded: tuple[Lake, Plan], truth: Truth
) -> None:
    lake, _ = loaded
    assert silver_hash(lake) == truth.content_hash
    assert table(lake, QUARANTINE).count() == truth.quarantined
    assert_gold_is_of_silver(lake)
    totals = lake.results["commit"]["totals"]
    rows = str(truth.silver_rows)
    assert totals["silver.trades"]["after"] == {"rows": rows, **truth.silver_sums}
    assert set(totals["silver.trades"]["before"].values()) == {"0"}
    assert totals["gold.daily_trade_summary"]["trades"] == rows
    assert totals["gold.customer_exposure"]["to_cost"] == truth.silver_sums["to_cost"]


def test_every_expectation_of_every_contract_is_met(loaded: tuple[Lake, Plan]) -> None:
    lake, _ = loaded
    contracts = [load_contract("bronze", "trades"), SILVER, *gold_contracts(["trades"])]
    asked = {(c.table, e.name) for c in contracts for e in c.expectations}
    results = [lake.results[f"validate_{layer}"] for layer in ("bronze", "silver", "gold")]
    verdicts = [verdict for result in results for verdict in result["verdicts"]]
    assert len(asked) >= 14
    assert {(v["table_name"], v["expectation"]) for v in verdicts} == asked
    assert [v for v in verdicts if not v["success"]] == []


def test_dry_run_reads_and_judges_but_writes_no_table_of_the_lake(
    loaded: tuple[Lake, Plan], later: list[Path], tmp_path: Path
) -> None:
    live, _ = loaded
    stood = versions(live)
    bronze = head(f"{live.home}/lake/bronze/trades").version
    lake = Lake(live.spark, tmp_path)
    trial = lake.plan("trial", later, commit=False, lake=f"{live.home}/lake")
    trial = replace(trial, bronze_lake=f"{trial.folder}/scratch/lake")
    lake.run(trial, "ingest_bronze", "build_silver", "build_gold", "validate_gold")
    assert versions(live) == stood
    assert head(f"{live.home}/lake/bronze/trades").version == bronze
    assert total_classes(lake.results["build_silver"])["new"] > 0
    assert not trial.needs("commit")


def test_batches_one_after_the_other_equal_one_load(
    grown: tuple[Lake, Plan], loaded: tuple[Lake, Plan], truth: Truth
) -> None:
    lake, _ = grown
    classes = total_classes(lake.results["build_silver"])
    assert classes["updated"] > 0
    totals = lake.results["commit"]["totals"]["silver.trades"]
    sums = lake.results["build_silver"]["datasets"]["trades"]["sums"]
    for column in SILVER.money:
        change = sum(Decimal(sums[name][column]) for name in ("new", "updated"))
        change -= Decimal(sums["replaced"][column])
        assert Decimal(totals["before"][column]) + change == Decimal(totals["after"][column])
    assert int(totals["before"]["rows"]) + classes["new"] == truth.silver_rows
    assert_gates_pass(lake, "bronze", "silver", "gold")
    assert silver_hash(lake) == truth.content_hash
    assert contents(lake) == contents(loaded[0])


def test_builds_tell_between_which_values_what_they_change_lies_and_none_of_sensitive_columns(
    grown: tuple[Lake, Plan],
) -> None:
    lake, _ = grown
    built = lake.results["build_silver"]["datasets"]["trades"]
    changes = lake.spark.read.parquet(built["change_set"]).where("class = 'updated'")
    replaced = changes.selectExpr("replaced.trade_id", "CAST(replaced.updated_on AS string) AS at")
    ids, times = zip(*replaced.collect(), strict=True)
    assert len(ids) > 1
    assert built["bounds"] == {
        "trade_id": (min(ids), max(ids)),
        "updated_on": (min(times), max(times)),
    }
    gold = lake.results["build_gold"]["tables"]
    assert gold["customer_exposure"]["bounds"].keys() == {"to_currency"}
    summary = gold["daily_trade_summary"]
    days = [row["trade_day"] for row in lake.spark.read.parquet(summary["candidates"]).collect()]
    assert summary["bounds"]["trade_day"] == (str(min(days)), str(max(days)))


def test_full_rebuild_from_bronze_equals_the_live_tables(
    grown: tuple[Lake, Plan], tmp_path: Path
) -> None:
    live, _ = grown
    lake = live.copy(tmp_path)
    facts = {"input": Rebuild(["b1", "b2"]), "generation": 2}
    plan = lake.plan("rebuild", **facts)
    lake.run(plan, "build_silver", "validate_silver", "build_gold", "validate_gold", "commit")
    assert_gates_pass(lake, "silver", "gold")
    rebuilt, stood = contents(lake), contents(live)
    assert {name: rebuilt[name] for name in TABLES} == {name: stood[name] for name in TABLES}
    counted = total_classes(lake.results["build_silver"])
    assert sum(counted.values()) == table(lake, "bronze/trades").count()
    assert lake.results["build_silver"]["datasets"]["trades"]["base_is_empty"]

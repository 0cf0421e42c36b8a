"""The stages in turn on a real lake, compared with the truth of the generated files."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from assay.contract import Contract, gold_contracts, load_contract
from assay.errors import BatchError, FencedError, StaleBaseError
from assay.generate.options import TradeOptions
from assay.generate.trades import generate_trades
from assay.generate.truth import Truth, content_hash
from assay.plan import Plan
from assay.results import RECORD_CLASSES, latest_result
from builders.batches import BUILD, LOAD, STAGES, Lake
from spark_jobs.lakehouse.tables import Fence, base_of, commit, commits, head, read_table
from spark_jobs.transformations.conform import conform
from spark_jobs.transformations.silver import trades as silver_module

SILVER = load_contract("silver", "trades")
TABLES = ("silver/trades", "gold/customer_exposure", "gold/daily_trade_summary")
QUARANTINE = "quarantine/trades"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """4 files of 300 records: updates, late versions, duplicates and every kind of bad record."""
    out = tmp_path_factory.mktemp("generated") / "landing"
    shares = {"defects": 0.05, "duplicates": 0.05, "updates": 0.1, "late": 0.1}
    options = TradeOptions(out=out, files=4, rows=300, customers=10, days=3, gzip_every=4, **shares)
    return generate_trades(options)


@pytest.fixture(scope="module")
def files(truth: Truth) -> list[Path]:
    return [truth.options.out / file.name for file in truth.files]


@pytest.fixture(scope="module", autouse=True)
def home_of_data_docs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ASSAY_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A file of other trades."""
    out = tmp_path_factory.mktemp("later") / "landing"
    made = generate_trades(TradeOptions(out=out, files=1, rows=40, customers=10, days=3, seed=8))
    return [out / file.name for file in made.files]


@pytest.fixture(scope="module")
def loaded(
    spark: SparkSession, files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lake, Plan]:
    """All files as one batch, through every stage. Tests that use it must not change it."""
    lake = Lake(spark, tmp_path_factory.mktemp("loaded"))
    plan = lake.plan("all", files)
    lake.run(plan, *STAGES)
    return lake, plan


@pytest.fixture(scope="module")
def grown(
    spark: SparkSession, files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lake, Plan]:
    """The same files as two batches, the later ones first; the second through every stage."""
    lake = Lake(spark, tmp_path_factory.mktemp("grown"))
    lake.run(lake.plan("b1", files[2:]), *LOAD)
    plan = lake.plan("b2", files[:2])
    lake.run(plan, *STAGES)
    return lake, plan


@pytest.fixture
def again(loaded: tuple[Lake, Plan], tmp_path: Path) -> tuple[Lake, Plan]:
    """Further attempts at the loaded batch; what they hand on is the test's own."""
    lake, plan = loaded
    folder = tmp_path / "batch"
    shutil.copytree(plan.folder, folder)
    return Lake(lake.spark, lake.home, lake.epoch), replace(plan, folder=str(folder))


def table(lake: Lake, name: str) -> DataFrame:
    return read_table(lake.spark, f"{lake.home}/lake/{name}")


def silver_hash(lake: Lake) -> str:
    return content_hash(row["row_hash"] for row in table(lake, TABLES[0]).collect())


def versions(lake: Lake) -> dict[str, int]:
    return {name: head(f"{lake.home}/lake/{name}").version for name in (*TABLES, QUARANTINE)}


def contents(lake: Lake) -> dict[str, Counter[Any]]:
    """The business content of every table; lineage is none."""
    found = {TABLES[0]: Counter(table(lake, TABLES[0]).select(*SILVER.column_names).collect())}
    for name in TABLES[1:]:
        found[name] = Counter(table(lake, name).collect())
    quarantine = table(lake, QUARANTINE)
    facts = quarantine.select("source_file", "record_number", "reasons", "raw").collect()
    found[QUARANTINE] = Counter((*row[:2], *row["reasons"], row["raw"]) for row in facts)
    return found


def recomputed(lake: Lake) -> dict[str, Counter[Any]]:
    """What gold has to be, from silver as it stands."""
    lake.spark.catalog.dropTempView("silver_now")
    table(lake, TABLES[0]).createOrReplaceTempView("silver_now")
    exposure = lake.spark.sql(
        "SELECT customer_id, to_currency, count(*), sum(to_cost),"
        " max(to_date(transaction_date)) FROM silver_now GROUP BY ALL"
    )
    summary = lake.spark.sql(
        "SELECT to_date(transaction_date), from_currency, to_currency, count(*),"
        " count_if(transaction_status = 'COMPLETED'), count_if(transaction_status = 'FAILED'),"
        " count_if(transaction_status = 'PENDING'), sum(from_cost), sum(to_cost),"
        " coalesce(sum(from_pip), 0), count(from_pip), coalesce(sum(to_pip), 0), count(to_pip)"
        " FROM silver_now GROUP BY ALL"
    )
    return {
        TABLES[1]: Counter(tuple(row) for row in exposure.collect()),
        TABLES[2]: Counter(tuple(row) for row in summary.collect()),
    }


def assert_gold_is_of_silver(lake: Lake) -> None:
    for name, expected in recomputed(lake).items():
        assert Counter(tuple(row) for row in table(lake, name).collect()) == expected


def assert_gates_pass(lake: Lake, *layers: str) -> None:
    for layer in layers:
        verdicts = lake.results[f"validate_{layer}"]["verdicts"]
        assert verdicts
        assert [verdict for verdict in verdicts if not verdict["success"]] == []


def total_classes(result: dict[str, Any]) -> dict[str, int]:
    files = result["datasets"]["trades"]["classes"].values()
    return {name: sum(file[name] for file in files) for name in RECORD_CLASSES}


def stricter(bronze: DataFrame, contract: Contract) -> DataFrame:
    """A changed rule: trades into CHF are bad now."""
    return conform(bronze, contract, {"to_currency.refused": F.col("to_currency") != "CHF"})


def test_every_record_is_in_bronze_once_and_numbered(
    loaded: tuple[Lake, Plan], truth: Truth
) -> None:
    lake, plan = loaded
    counted = lake.results["ingest_bronze"]["datasets"]["trades"]["records"]
    assert counted == {file.file_id: file.records for file in plan.files}
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
    names = {file.file_id: file.source_file for file in plan.files}
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
    contracts = [load_contract("bronze", "trades"), SILVER, *gold_contracts("trades")]
    asked = {(c.table, e.name) for c in contracts for e in c.expectations}
    results = [lake.results[f"validate_{layer}"] for layer in ("bronze", "silver", "gold")]
    verdicts = [verdict for result in results for verdict in result["verdicts"]]
    assert len(asked) >= 14
    assert {(v["table_name"], v["expectation"]) for v in verdicts} == asked
    assert [v for v in verdicts if not v["success"]] == []
    assert all((Path(result["data_docs"]) / "index.html").is_file() for result in results)


def test_repeating_any_stage_changes_no_content(again: tuple[Lake, Plan]) -> None:
    lake, plan = again
    before, stood = contents(lake), versions(lake)
    bronze = table(lake, "bronze/trades").drop("ingested_at", "unknown_columns")
    hashed = bronze.select(F.xxhash64(*bronze.columns).alias("hash"))
    kept = Counter(row["hash"] for row in hashed.collect())
    lake.run(plan, "commit")
    assert versions(lake) == stood
    lake.run(plan, "ingest_bronze")
    assert Counter(row["hash"] for row in hashed.collect()) == kept
    digest = latest_result(plan.folder, "build_silver")["datasets"]["trades"]["digest"]
    lake.run(plan, *BUILD)
    assert lake.results["build_silver"]["datasets"]["trades"]["digest"] == digest
    assert versions(lake) == stood
    assert contents(lake) == before


def test_lower_epoch_after_a_higher_one_is_fenced_and_changes_nothing(
    again: tuple[Lake, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, plan = again
    before, stood = contents(lake), versions(lake)
    with pytest.raises(FencedError, match="epoch 1 wrote nothing"):
        lake.run(plan, "ingest_bronze", epoch=1)
    assert table(lake, "bronze/trades").count() == sum(file.records for file in plan.files)
    monkeypatch.setattr(silver_module, "trades", stricter)
    lake.run(plan, "build_silver", "build_gold")
    with pytest.raises(FencedError, match="epoch 1 wrote nothing"):
        lake.run(plan, "commit", epoch=1)
    assert versions(lake) == stood
    assert contents(lake) == before


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


def test_changed_rule_on_the_newest_batch_is_applied_and_its_former_commit_taken_back(
    grown: tuple[Lake, Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, plan = grown
    lake = live.copy(tmp_path)
    plan = replace(plan, lake=f"{tmp_path}/lake", bronze_lake=f"{tmp_path}/lake")
    plan = replace(plan, folder=str(tmp_path / "batch"))
    before = silver_rows(lake, version=plan_base(lake))
    stood = versions(lake)
    monkeypatch.setattr(silver_module, "trades", stricter)
    lake.run(plan, *BUILD)
    reasons = lake.results["build_silver"]["datasets"]["trades"]["reasons"]
    assert reasons["to_currency.refused"] > 0
    assert all(versions(lake)[name] > stood[name] for name in (*TABLES, QUARANTINE))
    now = silver_rows(lake)
    changed = {key: row for key, row in now.items() if row != before.get(key)}
    assert changed
    assert {row["batch_id"] for row in changed.values()} == {"b2"}
    assert "CHF" not in {row["to_currency"] for row in changed.values()}
    assert "CHF" in {row["to_currency"] for row in now.values()}
    assert set(before) <= set(now)
    assert_gold_is_of_silver(lake)


def plan_base(lake: Lake) -> int:
    """The version of silver that the newest batch was built on."""
    return base_of(f"{lake.home}/lake/{TABLES[0]}", "b2").version


def silver_rows(lake: Lake, version: int | None = None) -> dict[tuple[str, ...], Row]:
    rows = read_table(lake.spark, f"{lake.home}/lake/{TABLES[0]}", version).collect()
    return {tuple(row[key] for key in SILVER.keys): row for row in rows}


def test_full_rebuild_from_bronze_equals_the_live_tables(
    grown: tuple[Lake, Plan], tmp_path: Path
) -> None:
    live, _ = grown
    lake = live.copy(tmp_path)
    facts = {"source": "bronze", "generation": 2, "rebuild_batches": ["b1", "b2"]}
    lake.run(
        lake.plan("rebuild", **facts), *BUILD[:2], "validate_silver", "validate_gold", "commit"
    )
    assert_gates_pass(lake, "silver", "gold")
    rebuilt, stood = contents(lake), contents(live)
    assert {name: rebuilt[name] for name in TABLES} == {name: stood[name] for name in TABLES}
    counted = total_classes(lake.results["build_silver"])
    assert sum(counted.values()) == table(lake, "bronze/trades").count()
    assert lake.results["commit"]["replace_all"]


def test_silver_moved_by_another_batch_asks_to_clear_build_silver(
    loaded: tuple[Lake, Plan], later: list[Path], tmp_path: Path
) -> None:
    live, plan = loaded
    lake = live.copy(tmp_path)
    slow = lake.plan("slow", later)
    lake.run(slow, "ingest_bronze", "build_silver", "build_gold")
    silver = f"{tmp_path}/lake/{TABLES[0]}"
    fence = Fence("fast", lake.epoch, "manifest", "rules", "digest")
    one = table(lake, TABLES[0]).first()
    assert one
    statement = f"DELETE FROM delta.`{silver}` WHERE trade_id = '{one['trade_id']}'"  # noqa: S608
    commit(lake.spark, silver, fence, lambda: lake.spark.sql(statement))
    stood = versions(lake)
    with pytest.raises(
        StaleBaseError, match=r"silver\.trades moved .*batch fast.* clear build_silver"
    ):
        lake.run(slow, "commit")
    assert versions(lake) == stood
    overtaken = replace(plan, lake=f"{tmp_path}/lake")
    with pytest.raises(BatchError, match="later batches are built on it"):
        lake.run(overtaken, "build_silver")


def test_commits_say_who_made_them(loaded: tuple[Lake, Plan]) -> None:
    lake, plan = loaded
    (newest, _) = commits(f"{lake.home}/lake/silver/trades")
    assert (newest.batch_id, newest.epoch) == (plan.batch_id, lake.epoch)
    assert newest.digest == lake.results["build_silver"]["datasets"]["trades"]["digest"]

"""Upkeep and change of shape between batches: what was released stays readable, what comes fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from assay import ledger
from assay.batch.inputs import Rebuild
from assay.batch.plan import Plan
from assay.bench.gates import pass_gates
from assay.contracts.load import load_contract
from assay.errors import BatchError, ContractError
from assay.events.sinks import gathered
from assay.maintenance.batches import purge_work
from assay.maintenance.tables import Request, TableUpkeep
from assay.publish import publish_batch
from assay.serving.evolution import evolve_tables
from assay.settings import load_settings
from builders.aged_lake import age_lake
from builders.batches import BUILD, LOAD, Lake
from builders.contracts import Facts, changed_contracts
from builders.lake_content import (
    QUARANTINE,
    SILVER,
    TABLES,
    assert_gold_is_of_silver,
    contents,
    table,
    versions,
)
from builders.ledger_rows import start_batch
from spark_jobs.lakehouse import upkeep
from spark_jobs.lakehouse.schemas import retention
from spark_jobs.lakehouse.shape import require_shape
from spark_jobs.lakehouse.tables import read_table
from spark_jobs.programs.maintain_tables import maintain_tables

if TYPE_CHECKING:
    from conftest import Database

NAMES = (*TABLES, QUARANTINE, "bronze/trades")


def gain_desk(facts: Facts) -> None:
    facts["columns"].append({"name": "desk", "header": "Desk"})


GROWN = {"trades": gain_desk}


def maintain(lake: Lake, kept: dict[str, int], *, dry_run: bool = False) -> list[str]:
    requested = tuple(
        TableUpkeep(
            table=name.replace("/", "."),
            path=f"{lake.home}/lake/{name}",
            pipelines=("trades",),
            versions=tuple({kept[name]} if name in kept else ()),
        )
        for name in NAMES
    )
    request = Request(requested, str(lake.home / "locks"), dry_run)
    return maintain_tables(lake.spark, request).lines


def with_desks(file: Path, folder: Path) -> Path:
    """The same file with one more column."""
    header, *records = file.read_text().splitlines()
    grown = folder / f"desks_{file.name}"
    grown.write_text("\n".join([f"{header},Desk", *(f"{each},north" for each in records)]) + "\n")
    return grown


def publish(database: Database, plan: Plan) -> tuple[dict[str, Any], list[str]]:
    with database.connect(autocommit=True) as connection:
        if ledger.batch_state(connection, plan.batch_id) is None:
            start_batch(connection, plan.batch_id, "COMMITTED", pipeline=plan.pipeline)
        epoch = ledger.take_epoch(connection, plan.pipeline, "test")
        pass_gates(connection, plan, epoch)
    with gathered() as events:
        release = publish_batch(database.connect, database.uri(), plan, epoch)
    return release, [str(event) for event in events]


def operations(lake: Lake, name: str) -> list[str]:
    return [entry["operation"] for entry in DeltaTable(f"{lake.home}/lake/{name}").history()]


@pytest.mark.long
def test_upkeep_and_a_new_column_between_batches_lose_no_release(
    grown: tuple[Lake, Plan],
    files: list[Path],
    later: list[Path],
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live, _ = grown
    lake = live.copy(tmp_path)
    age_lake(tmp_path / "lake", 100)
    for batch, taken in (("b1", files[2:]), ("b2", files[:2])):
        publish(database, lake.plan(batch, taken, folder=str(live.home / "batches" / batch)))
    stood, before = versions(lake), contents(lake)
    first = {name: version - 1 for name, version in stood.items()}
    monkeypatch.setattr(upkeep, "MOST_SMALL", 0)
    untouched = {name: DeltaTable(f"{lake.home}/lake/{name}").version() for name in NAMES}
    assert all("is still needed" in line for line in maintain(lake, stood, dry_run=True))
    assert {n: DeltaTable(f"{lake.home}/lake/{n}").version() for n in NAMES} == untouched
    assert all("is still needed" in line for line in maintain(lake, stood))
    assert operations(lake, TABLES[0])[0] == "OPTIMIZE"
    assert versions(lake) == stood
    assert contents(lake) == before

    plan = lake.plan("b3", [with_desks(later[0], tmp_path)])
    with changed_contracts(tmp_path / "contracts", GROWN):
        lake.run(plan, *LOAD)
        with pytest.raises(ContractError, match=r"serving\.trade_event has no column desk"):
            publish(database, plan)
        with database.connect("assay_owner") as owner:
            grown = ["serving.trade_event.desk", "live.trade_event.desk"]
            assert evolve_tables(owner) == grown
        release, _ = publish(database, plan)
        records = sum(file.records for file in plan.slices)
        desks = {
            row["desk"]: row["count"]
            for row in table(lake, TABLES[0]).groupBy("desk").count().collect()
        }
        assert desks == {"north": records, None: sum(before[TABLES[0]].values())}
        assert table(lake, "bronze/trades").where("desk = 'north'").count() == records
        assert_gold_is_of_silver(lake)

        maintain(lake, stood)
        assert {
            name.replace("/", "."): version for name, version in versions(lake).items()
        } == release.versions
        old = read_table(lake.spark, f"{lake.home}/lake/{TABLES[1]}", stood[TABLES[1]])
        assert sum(before[TABLES[1]].values()) == len(old.collect())
        with pytest.raises(Py4JJavaError, match="FILE_NOT_EXIST"):
            read_table(lake.spark, f"{lake.home}/lake/{TABLES[1]}", first[TABLES[1]]).collect()
        purge(database, lake)
        assert not Path(plan.folder, "silver").exists()
        assert publish(database, plan)[1] == [f"b3: is release {release.release_id} already"]


@contextmanager
def jvm_log(spark: SparkSession) -> Iterator[Callable[[], str]]:
    """What the JVM logs meanwhile."""
    log4j = spark._jvm.org.apache.logging.log4j  # type: ignore[union-attr]
    text = spark._jvm.java.io.StringWriter()  # type: ignore[union-attr]
    create = log4j.core.appender.WriterAppender.createAppender
    appender = create(None, None, text, "test", False, True)
    appender.start()
    root = log4j.LogManager.getRootLogger()
    root.addAppender(appender)
    try:
        yield lambda: str(text.toString())
    finally:
        root.removeAppender(appender)


@pytest.mark.parametrize(("days_off", "gone"), [(-1, False), (1, True)])
def test_files_go_when_the_days_of_the_contract_are_over_and_without_a_warning(
    spark: SparkSession, tmp_path: Path, days_off: int, gone: bool
) -> None:
    contract = load_contract("gold", "customer_exposure")
    path = str(tmp_path / "table")
    for rows in (10, 20):
        spark.range(rows).coalesce(1).write.format("delta").mode("overwrite").save(path)
    upkeep.keep_properties(spark, path, retention(contract))
    age_lake(tmp_path, contract.retention_days + days_off)
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()  # type: ignore[union-attr]
    with jvm_log(spark) as logged:
        assert upkeep.remove_files(spark, path, dry_run=True) == gone
        assert upkeep.remove_files(spark, path, dry_run=False) == gone
        assert upkeep.remove_files(spark, path, dry_run=True) == 0
        spark._jvm.org.apache.logging.log4j.LogManager.getLogger("x").warn("heard")  # type: ignore[union-attr]
    assert "heard" in logged()
    assert "retention" not in logged().lower()


def purge(database: Database, lake: Lake) -> None:
    """The work of all batches but a fourth one, as it were ten days later."""
    with database.connect(autocommit=True) as connection:
        start_batch(connection, "b4", "COMMITTED")
        for statement in (
            "UPDATE ops.batch SET finished_at = finished_at - interval '10 days'",
            "UPDATE ops.release SET released_at = released_at - interval '10 days'",
        ):
            connection.execute(statement)
        settings = load_settings({"ASSAY_HOME": str(lake.home)})
        assert "2 folders removed" in purge_work(settings, connection, 7, dry_run=False)


def gain_strict_column(facts: Facts) -> None:
    facts["columns"].append({"name": "strict", "source": "trade_id", "nullable": False})


def change(name: str, /, **facts: Any) -> Any:
    def apply(contract: Facts) -> None:
        column = next(each for each in contract["columns"] if each["name"] == name)
        column.update(facts)

    return apply


@pytest.mark.parametrize(
    ("apply", "told"),
    [
        (
            change("from_pip", type="decimal(12,4)"),
            "column from_pip is decimal\\(9,4\\) in the lake",
        ),
        (change("created_by", name="entered_by"), "column created_by is in the lake"),
        (
            lambda facts: facts["columns"].append(
                {"name": "x", "source": "trade_id", "nullable": False}
            ),
            "column x is new",
        ),
        (lambda facts: facts.update(keys=["trade_id"]), "column trade_id,customer_id was the key"),
        (
            lambda facts: facts.update(partition_by="to_currency"),
            r"column \(none\) partitioned the table, now it is to_currency",
        ),
    ],
)
def test_any_other_change_of_shape_asks_for_a_rebuild_before_anything_is_written(
    grown: tuple[Lake, Plan], tmp_path: Path, apply: Any, told: str
) -> None:
    lake, plan = grown
    stood = versions(lake)
    with changed_contracts(tmp_path, {"trades": apply}):
        contract = load_contract("silver", "trades")
        with pytest.raises(ContractError, match=rf"silver\.trades: {told}.*full_rebuild"):
            require_shape(plan.table("silver", "trades"), contract)
        with pytest.raises(ContractError, match="full_rebuild"):
            lake.run(plan, "build_silver")
        with pytest.raises(BatchError, match="have changed since it was built"):
            lake.run(plan, "commit")
    assert versions(lake) == stood


def test_rebuild_gives_the_table_its_new_shape(grown: tuple[Lake, Plan], tmp_path: Path) -> None:
    live, _ = grown
    lake = live.copy(tmp_path)

    def reshape(facts: Facts) -> None:
        change("to_cost", type="decimal(20,2)")(facts)
        facts["partition_by"] = "to_currency"
        facts["columns"] = [
            {"name": "created_by", "header": "Created_By", "only": "bronze"}
            if each["name"] == "created_by"
            else each
            for each in facts["columns"]
        ]

    names = [name for name in SILVER.column_names if name != "created_by"]
    before = table(lake, TABLES[0]).select(*names).orderBy(*SILVER.keys).collect()
    plan = lake.plan("rebuild", input=Rebuild(["b1", "b2"]), generation=2)
    with changed_contracts(tmp_path / "contracts", {"trades": reshape}):
        lake.run(plan, *BUILD)
        assert (
            require_shape(plan.table("silver", "trades"), load_contract("silver", "trades")) == []
        )
    after = table(lake, TABLES[0])
    assert "created_by" not in after.columns
    assert after.select(*names).orderBy(*SILVER.keys).collect() == before
    facts = DeltaTable(plan.table("silver", "trades")).metadata()
    assert facts.partition_columns == ["to_currency"]
    assert facts.configuration["delta.dataSkippingStatsColumns"].endswith("from_cost,to_cost")
    assert_gold_is_of_silver(lake)

"""Change set and gold candidates → silver, quarantine and gold: the only stage that writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contract import Contract, gold_contracts, load_contract
from assay.errors import BatchError
from assay.plan import Plan
from assay.results import latest_result
from assay.rules import rules_version
from spark_jobs.entry import run_stage
from spark_jobs.lakehouse import schemas, tables
from spark_jobs.lakehouse.merge import merge_changes, with_reverts
from spark_jobs.totals import ROWS, as_texts, sum_measures, zeros
from spark_jobs.transformations.change_set import WINNERS


@dataclass(frozen=True)
class Target:
    """One table of the commit: where it is, what it must stand at, and what it gets."""

    name: str
    path: str
    keys: tuple[str, ...]
    base_version: int
    replace_all: bool
    changes: DataFrame


def commit_batch(spark: SparkSession, plan: Plan, epoch: int) -> dict[str, Any]:
    """Commit quarantine, silver and gold of the batch, each at most once per attempt.

    Raises BatchError when a table moved past its base by another batch, FencedError when a newer
    attempt has committed.
    """
    silver = latest_result(plan.folder, "build_silver")["datasets"]
    gold = latest_result(plan.folder, "build_gold")["tables"]
    rules = rules_version(plan.datasets)
    versions: dict[str, int] = {}
    totals: dict[str, Any] = {}
    for dataset in plan.datasets:
        digest = silver[dataset]["digest"]
        fence = tables.Fence(plan.batch_id, epoch, plan.manifest_hash, rules, digest)
        change_set = spark.read.parquet(silver[dataset]["change_set"])
        versions[f"quarantine.{dataset}"] = _quarantine(spark, plan, fence, dataset, change_set)
        target = _silver_target(spark, plan, dataset, silver[dataset], change_set)
        versions[target.name] = _bring_in(spark, target, fence)
        totals[target.name] = _silver_totals(spark, target, versions[target.name], dataset)
        for contract in gold_contracts(dataset):
            target = _gold_target(spark, plan, contract, gold[contract.name])
            gold_fence = replace(fence, digest=gold[contract.name]["digest"])
            versions[target.name] = _bring_in(spark, target, gold_fence)
            committed = tables.read_table(spark, target.path, versions[target.name])
            totals[target.name] = as_texts(sum_measures(committed, measures_of(contract)))
    listed = ", ".join(f"{name}@{version}" for name, version in versions.items())
    return {
        "versions": versions,
        "rules": rules,
        "totals": totals,
        "silver": silver,
        "gold": gold,
        "replace_all": any(silver[dataset]["base_is_empty"] for dataset in plan.datasets),
        "summary": f"committed {listed}",
    }


def _silver_target(
    spark: SparkSession, plan: Plan, dataset: str, built: dict[str, Any], change_set: DataFrame
) -> Target:
    contract = load_contract("silver", dataset)
    path = plan.table("silver", dataset)
    tables.create_table(
        spark, path, schemas.silver_ddl(contract), **schemas.silver_properties(contract)
    )
    winners = change_set.where(F.col("class").isin(*WINNERS))
    return Target(
        name=contract.table,
        path=path,
        keys=contract.keys,
        base_version=built["base_version"],
        replace_all=built["base_is_empty"],
        changes=winners.select(
            *contract.column_names, *schemas.SILVER_LINEAGE, F.lit(False).alias("deleted")
        ),
    )


def _gold_target(
    spark: SparkSession, plan: Plan, contract: Contract, built: dict[str, Any]
) -> Target:
    path = plan.table("gold", contract.name)
    tables.create_table(spark, path, schemas.gold_ddl(contract), **schemas.RETENTION)
    return Target(
        name=contract.table,
        path=path,
        keys=contract.keys,
        base_version=built["base_version"],
        replace_all=built["base_is_empty"],
        changes=spark.read.parquet(built["candidates"]),
    )


def _bring_in(spark: SparkSession, target: Target, fence: tables.Fence) -> int:
    """Commit the changes of one table, unless this batch has committed exactly them already."""
    head = tables.head(target.path)
    base = tables.base_of(target.path, fence.batch_id)
    if base.version != max(target.base_version, 0):
        raise BatchError(
            f"{target.name} moved from version {target.base_version} to {base.version} (batch "
            f"{base.batch_id or 'unknown'}) since this batch was built; clear build_silver"
        )
    is_ours = head.batch_id == fence.batch_id
    if is_ours and head.digest == fence.digest:
        return head.version
    return _commit(spark, target, fence, is_ours=is_ours)


def _commit(spark: SparkSession, target: Target, fence: tables.Fence, *, is_ours: bool) -> int:
    changes = target.changes
    if target.replace_all:
        return tables.commit(spark, target.path, fence, _overwrite(target.path, changes))
    if is_ours:
        changes = with_reverts(spark, target.path, target.base_version, changes, target.keys)
    elif changes.isEmpty():
        return target.base_version
    return tables.commit(
        spark,
        target.path,
        fence,
        lambda: merge_changes(spark, target.path, changes, target.keys),
    )


def _overwrite(path: str, changes: DataFrame) -> Callable[[], None]:
    rows = changes.where(~F.col("deleted")).drop("deleted")
    return lambda: rows.write.format("delta").mode("overwrite").save(path)


def measures_of(contract: Contract) -> dict[str, str]:
    """What is summed of a table: its rows, and its money or its totals."""
    summed = contract.totals or contract.money
    return {ROWS: ROWS} | {name: name for name in summed}


def _silver_totals(
    spark: SparkSession, target: Target, version: int, dataset: str
) -> dict[str, dict[str, str]]:
    """Totals before and after the commit; a table that was replaced stood at nothing before."""
    measures = measures_of(load_contract("silver", dataset))
    before = zeros([*measures])
    if not target.replace_all:
        before = sum_measures(tables.read_table(spark, target.path, target.base_version), measures)
    after = sum_measures(tables.read_table(spark, target.path, version), measures)
    return {"before": as_texts(before), "after": as_texts(after)}


def _quarantine(
    spark: SparkSession, plan: Plan, fence: tables.Fence, dataset: str, change_set: DataFrame
) -> int:
    """Replace the batch's quarantined rows; they are never changed after that."""
    path = plan.table("quarantine", dataset)
    tables.create_table(
        spark, path, schemas.QUARANTINE_DDL, partition_by="batch_id", **schemas.RETENTION
    )
    rows = change_set.where(F.col("class") == "quarantined").select(
        *schemas.QUARANTINE_COLUMNS, F.lit(plan.batch_id).alias("batch_id")
    )
    head = tables.head(path)
    if head.batch_id == fence.batch_id and head.digest == fence.digest:
        return head.version
    if head.batch_id != fence.batch_id and rows.isEmpty():
        return head.version
    return tables.commit(
        spark,
        path,
        fence,
        lambda: (
            rows.write.format("delta")
            .mode("overwrite")
            .option("replaceWhere", f"batch_id = '{plan.batch_id}'")
            .save(path)
        ),
    )


if __name__ == "__main__":
    run_stage("commit", commit_batch)

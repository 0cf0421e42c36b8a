"""Change set and gold candidates → silver, quarantine and gold: the only stage that writes them."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.batch.builds import read_builds
from assay.batch.gates import all_subjects
from assay.batch.plan import Plan
from assay.batch.rules import rules_version
from assay.batch.stage_results import CommitResult, SilverBuild
from assay.contracts.load import contracts_of, gold_contracts, load_contract
from assay.errors import StaleBaseError
from assay.storage.delta_history import NO_TABLE, Commit, base_of
from assay.storage.delta_history import head as head_of
from spark_jobs.lakehouse import schemas, shape, tables
from spark_jobs.lakehouse.merge import merge_changes, with_reverts
from spark_jobs.stages.commit_targets import Target, measure, measured_by, read_targets


def commit_batch(spark: SparkSession, plan: Plan, epoch: int) -> CommitResult:
    """Commit quarantine, silver and gold of the batch, each at most once per attempt.

    Before anything is written it raises BatchError when the builds do not belong together or were
    made under other rules, and StaleBaseError when a table moved past its base by another batch;
    later, FencedError when a newer attempt has committed.
    """
    rules = rules_version(plan.datasets)
    silver, gold = read_builds(plan, rules)
    targets = [*read_targets(spark, plan, silver, gold)]
    known = {t.contract.table: measured_by(plan, t, _require_base(t, plan)) for t in targets}
    fence = tables.Fence(plan.batch_id, epoch, plan.input.identity(), rules, digest="")
    versions = {
        f"quarantine.{dataset}": _quarantine(spark, plan, fence, dataset, silver[dataset])
        for dataset in silver
    }
    versions |= _versions_of_others(plan, versions.keys() | {t.contract.table for t in targets})
    for target in targets:
        own = replace(fence, digest=target.digest)
        versions[target.contract.table] = _bring_in(spark, target, own)
    totals = measure(spark, targets, versions, {t: found for t, found in known.items() if found})
    return CommitResult(
        versions=versions,
        totals=totals,
        silver=silver,
        gold=gold,
        subjects=all_subjects(plan),
        rules=rules,
        contracts={c.table: c.version for c in contracts_of(plan.datasets)},
        summary=", ".join(f"{name} v{version}" for name, version in versions.items()),
    )


def _versions_of_others(plan: Plan, touched: Set[str]) -> dict[str, int]:
    """Where the tables that the batch does not change stand: a release names all of them."""
    own = [f"{layer}.{name}" for name in plan.datasets for layer in ("quarantine", "silver")]
    if not plan.input.makes_silver:
        return {}
    found = {}
    for table in {*own, *(contract.table for contract in gold_contracts(plan.datasets))} - touched:
        head = base_of(plan.table(*table.split(".")), plan.batch_id)
        if head != NO_TABLE:
            found[table] = head.version
    return found


def _require_base(target: Target, plan: Plan) -> Commit:
    """The commit that the table stands at. Raises StaleBaseError when it moved since the build."""
    base = base_of(target.path, plan.batch_id)
    # A table that this batch was the first to need has been made, empty, as its version 0.
    if base.version > max(target.base_version, 0):
        raise StaleBaseError(
            f"{target.contract.table} moved from version {target.base_version} to {base.version} "
            f"(batch {base.batch_id or 'unknown'}) since this batch was built; clear "
            f"{plan.input.first_build} and all after it"
        )
    return base


def _bring_in(spark: SparkSession, target: Target, fence: tables.Fence) -> int:
    """Commit the changes of one table, unless this batch has committed exactly them already."""
    contract, path, changes = target.contract, target.path, target.changes
    tables.create_table(
        spark,
        path,
        schemas.ddl(contract),
        partition_by=contract.partition_by,
        **schemas.properties(contract),
    )
    head = head_of(path)
    is_ours = head.batch_id == fence.batch_id
    if is_ours and head.digest == fence.digest:
        return head.version
    if target.replace_all:
        kept = changes.where(~F.col("deleted")).drop("deleted")
        return tables.commit(
            spark, path, fence, lambda: shape.overwrite(spark, path, kept, contract)
        )
    has_grown = shape.add_columns(spark, path, contract, fence)
    bounds = target.bounds
    if is_ours:
        bounds = {}
        changes = with_reverts(spark, path, target.base_version, changes, contract)
    elif not has_grown and target.is_empty:
        return target.base_version
    elif target.only_new:
        # A MERGE would look through all of the table for keys that it does not have.
        return tables.commit(
            spark, path, fence, lambda: tables.append(path, changes.drop("deleted"))
        )
    return tables.commit(
        spark, path, fence, lambda: merge_changes(spark, path, changes, contract, bounds)
    )


def _quarantine(
    spark: SparkSession, plan: Plan, fence: tables.Fence, dataset: str, built: SilverBuild
) -> int:
    """Replace the batch's quarantined rows; they are never changed after that."""
    path = plan.table("quarantine", dataset)
    kept = schemas.retention(load_contract("silver", dataset))
    tables.create_table(spark, path, schemas.QUARANTINE_DDL, partition_by="batch_id", **kept)
    change_set = spark.read.parquet(built.change_set)
    rows = change_set.where(F.col("class") == "quarantined").select(
        *schemas.QUARANTINE_COLUMNS, F.lit(plan.batch_id).alias("batch_id")
    )
    head = head_of(path)
    is_ours = head.batch_id == fence.batch_id
    if head.digest == built.digest if is_ours else not built.count("quarantined"):
        return head.version
    own = replace(fence, digest=built.digest)
    return tables.commit(spark, path, own, lambda: tables.replace_batch(path, rows, plan.batch_id))

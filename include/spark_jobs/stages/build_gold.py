"""Change set → gold candidates: the touched groups of every gold table. Writes no table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.batch.gates import subjects
from assay.batch.plan import Plan
from assay.batch.rules import rules_version
from assay.batch.stage_results import Bounds, GoldBuild, GoldResult
from assay.contracts.model import Contract
from assay.storage.delta_history import Commit, base_of
from spark_jobs.inputs.silver_rows import silver_input
from spark_jobs.lakehouse.merge import told_columns
from spark_jobs.lakehouse.schemas import statistics
from spark_jobs.lakehouse.shape import read_unless_empty
from spark_jobs.stages.registry import gold_functions
from spark_jobs.stages.write_candidates import Written, write_candidates
from spark_jobs.transformations.touched_groups import (
    SilverInput,
    as_bounded,
    gold_candidates,
    touched_groups,
)


def build_gold(spark: SparkSession, plan: Plan, epoch: int) -> GoldResult:
    """Recompute the groups that the batch touches from silver as it will be.

    The result names the change sets that it was made from, and the rules.
    """
    made_from = subjects(plan, "silver") if plan.needs("build_silver") else {}
    bases = {c.name: base_of(plan.table("gold", c.name), plan.batch_id) for c in plan.gold}
    stands = {c.name: _standing(spark, plan, c, bases[c.name]) for c in plan.gold}
    written = write_candidates(plan.work("gold", str(epoch)), plan.gold, _made(spark, plan, stands))
    counted = _count(plan.gold, written)
    tables = {
        contract.name: GoldBuild(
            candidates=written[contract.name].folder,
            base_version=bases[contract.name].version,
            base_is_empty=stands[contract.name] is None,
            groups=counted[contract.name].groups,
            deleted=counted[contract.name].deleted,
            digest=counted[contract.name].digest,
            bounds=counted[contract.name].bounds,
        )
        for contract in plan.gold
    }
    for name, table in tables.items():
        if not table.groups + table.deleted:  # no row, no file; but its readers need its columns
            written[name].made.limit(0).write.parquet(table.candidates)
    listed = ", ".join(f"{table.groups:,} of {name}" for name, table in tables.items())
    return GoldResult(
        epoch=epoch,
        tables=tables,
        made_from=made_from,
        rules=rules_version(plan.datasets),
        summary=f"groups: {listed}",
    )


def _standing(
    spark: SparkSession, plan: Plan, contract: Contract, base: Commit
) -> DataFrame | None:
    """The table as the batch finds it; None where all of its groups are to be made."""
    if not plan.input.adds_to_gold:
        return None
    return read_unless_empty(spark, plan.table("gold", contract.name), contract, base.version)


def _made(
    spark: SparkSession, plan: Plan, stands: Mapping[str, DataFrame | None]
) -> dict[str, DataFrame]:
    """By table, its candidates."""
    names = dict.fromkeys(name for contract in plan.gold for name in contract.datasets)
    inputs = {name: silver_input(spark, plan, name) for name in names}
    given = {c.name: [inputs[name] for name in c.datasets] for c in plan.gold}
    partly = [contract for contract in plan.gold if stands[contract.name] is not None]
    bounds = _bounds_of_touched(partly, given)
    return {
        contract.name: gold_candidates(
            given[contract.name],
            stands[contract.name],
            contract,
            *gold_functions(contract.name),
            bounds.get(contract.name),
        )
        for contract in plan.gold
    }


def _bounds_of_touched(
    contracts: Iterable[Contract], given: Mapping[str, Sequence[SilverInput]]
) -> dict[str, Bounds]:
    """By table: between which values its touched groups lie, where that may spare reading files.

    That is where silver has statistics of a column that tells the groups.
    """
    telling: dict[str, list[str]] = {}
    asked: list[DataFrame] = []
    for contract in contracts:
        inputs = given[contract.name]
        known = {name for each in inputs for name in statistics(each.contract)}
        names = told_columns(contract, known & {*contract.touched_by})
        if names:
            grain, _ = gold_functions(contract.name)
            telling[contract.name] = names
            values = [as_bounded(contract, name) for name in names]
            touched = touched_groups(inputs, contract, grain)
            asked.append(touched.agg(F.lit(contract.name).alias("table"), *_extremes(values)))
    return {
        row["table"]: _bounds(telling[row["table"]], row["least"], row["most"])
        for row in (reduce(DataFrame.unionAll, asked).collect() if asked else ())
    }


@dataclass(frozen=True)
class _Counted:
    """The groups that stay, those that go, a digest of both, and their bounds."""

    groups: int
    deleted: int
    digest: str
    bounds: Bounds


def _count(contracts: Sequence[Contract], written: Mapping[str, Written]) -> dict[str, _Counted]:
    """By table: the groups that stay, those that go, a digest of both, and their bounds."""
    asked = [_facts(written[contract.name].rows, contract) for contract in contracts]
    keys = {contract.name: told_columns(contract, contract.keys) for contract in contracts}
    return {
        row["table"]: _Counted(
            groups=row["stay"],
            deleted=row["go"],
            digest=f"{row['stay']}/{row['go']}/{row['bits']}",
            bounds=_bounds(keys[row["table"]], row["least"], row["most"]),
        )
        for row in (reduce(DataFrame.unionAll, asked).collect() if asked else ())
    }


def _facts(candidates: DataFrame, contract: Contract) -> DataFrame:
    fingerprint = F.xxhash64(*candidates.columns).cast("decimal(20,0)")
    return candidates.agg(
        F.lit(contract.name).alias("table"),
        F.count_if(~F.col("deleted")).alias("stay"),
        F.count_if("deleted").alias("go"),
        F.sum(fingerprint).alias("bits"),
        *_extremes([F.col(name) for name in told_columns(contract, contract.keys)]),
    )


def _extremes(values: Sequence[Column]) -> Iterator[Column]:
    """The least and the greatest of each, as texts."""
    for name, bound in (("least", F.min), ("most", F.max)):
        texts = F.array(*(bound(value).cast("string") for value in values))
        yield texts.cast("array<string>").alias(name)


def _bounds(keys: Sequence[str], least: Sequence[str | None], most: Sequence[str | None]) -> Bounds:
    """Between which values columns lie, as text; see `merge`. Of none but nulls there are none."""
    found = zip(keys, least, most, strict=True)
    return {key: (low, high) for key, low, high in found if low is not None and high is not None}

"""What a commit brings to each table, and the totals that it reports of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.batch.plan import Plan
from assay.batch.stage_results import GoldBuild, Measured, SilverBuild, read_commit
from assay.contracts.load import load_contract, measured_columns
from assay.contracts.model import Contract, Layer
from assay.errors import BatchError
from assay.storage.delta_history import Commit
from spark_jobs.inputs.gold_candidates import read_candidates
from spark_jobs.lakehouse import schemas, shape, tables
from spark_jobs.lakehouse.merge import Bounds
from spark_jobs.transformations.change_set import WINNERS
from spark_jobs.transformations.totals import ROWS, Summed, as_texts, sum_frames, zeros


@dataclass(frozen=True)
class Target:
    """One table of the commit: where it is, what it must stand at, and what it gets.

    `changes` has the table's columns and `deleted`, and each key once; with `only_new`, no key
    that the table has. `is_empty` says that there are none, `bounds` between which values their
    keys lie, as far as that is known.
    """

    contract: Contract
    path: str
    base_version: int
    replace_all: bool
    only_new: bool
    is_empty: bool
    digest: str
    bounds: Bounds
    changes: DataFrame

    @property
    def measures(self) -> dict[str, str]:
        """What is summed of the table, and its rows."""
        return {ROWS: ROWS} | {name: name for name in measured_columns(self.contract)}


def read_targets(
    spark: SparkSession,
    plan: Plan,
    silver: Mapping[str, SilverBuild],
    gold: Mapping[str, GoldBuild],
) -> Iterator[Target]:
    """Silver before gold: gold is made from it."""
    for dataset, built in silver.items():
        contract = _fitting_contract(plan, "silver", dataset, built)
        winners = spark.read.parquet(built.change_set).where(F.col("class").isin(*WINNERS))
        columns = [*contract.column_names, *schemas.SILVER_LINEAGE]
        changes = winners.select(*columns, F.lit(False).alias("deleted"))
        new, updated = built.count("new"), built.count("updated")
        yield _target(
            plan, contract, built, changes, only_new=not updated, is_empty=new + updated == 0
        )
    for name, table in gold.items():
        contract = _fitting_contract(plan, "gold", name, table)
        changes = read_candidates(spark, table.candidates, contract)
        is_empty = table.groups + table.deleted == 0
        yield _target(plan, contract, table, changes, only_new=False, is_empty=is_empty)


def _fitting_contract(
    plan: Plan, layer: Layer, name: str, built: SilverBuild | GoldBuild
) -> Contract:
    """The contract, if the table has its shape or is to be replaced."""
    contract = load_contract(layer, name)
    if not built.base_is_empty:
        shape.require_shape(plan.table(layer, name), contract)
    return contract


def _target(
    plan: Plan,
    contract: Contract,
    built: SilverBuild | GoldBuild,
    changes: DataFrame,
    *,
    only_new: bool,
    is_empty: bool,
) -> Target:
    return Target(
        contract=contract,
        path=plan.table(contract.layer, contract.name),
        base_version=built.base_version,
        replace_all=built.base_is_empty,
        only_new=only_new,
        is_empty=is_empty,
        digest=built.digest,
        bounds=built.bounds,
        changes=changes,
    )


def measure(
    spark: SparkSession,
    targets: Sequence[Target],
    versions: Mapping[str, int],
    known: Mapping[str, Measured],
) -> dict[str, Mapping[str, object]]:
    """Totals of each table after the commit; of silver also before it: nothing if it is replaced.

    All in one query. `known` are totals before it that another commit has measured.
    """
    asked: dict[str, Summed] = {}
    for target in targets:
        table = target.contract.table
        committed = tables.read_table(spark, target.path, versions[table])
        asked[f"{table} after"] = (committed, target.measures)
        if target.contract.layer == "silver" and not target.replace_all and table not in known:
            base = shape.read_as(spark, target.path, target.contract, target.base_version)
            asked[f"{table} before"] = (base, target.measures)
    found = {name: as_texts(totals) for name, totals in sum_frames(asked).items()}
    totals: dict[str, Mapping[str, object]] = {}
    for target in targets:
        table, nothing = target.contract.table, as_texts(zeros([*target.measures]))
        after = found[f"{table} after"]
        before = known.get(table) or found.get(f"{table} before", nothing)
        is_silver = target.contract.layer == "silver"
        totals[table] = {"before": before, "after": after} if is_silver else after
    return totals


def measured_by(plan: Plan, target: Target, base: Commit) -> Measured | None:
    """What the commit that made the base of silver measured of it.

    None unless it is the same version with the same content and measures, by version and digest.
    """
    contract = target.contract
    if contract.layer != "silver" or target.replace_all or not base.digest:
        return None
    try:
        commit = read_commit(str(Path(plan.folder).with_name(base.batch_id)))
    except BatchError:  # its folder has been cleared away
        return None
    built = commit.silver.get(contract.name)
    if built is None or contract.table not in commit.totals:
        return None
    made = (built.digest, commit.versions.get(contract.table))
    is_same = made == (base.digest, base.version) and base.version == target.base_version
    measured = commit.after(contract.table)
    return measured if is_same and measured.keys() == target.measures.keys() else None

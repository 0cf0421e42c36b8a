"""Bronze → the batch's change set against silver. Writes no table."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.batch.plan import Plan
from assay.batch.results import RECORD_CLASSES
from assay.batch.rules import rules_version
from assay.batch.stage_results import SilverBuild, SilverResult
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.storage.delta_history import Commit, base_of
from assay.words import count
from spark_jobs.inputs.bronze_rows import bronze_input, moved_rows, quarantined_rows
from spark_jobs.inputs.deliveries import Deliveries, read_deliveries, records_of
from spark_jobs.lakehouse.shape import read_unless_empty
from spark_jobs.stages.registry import silver_function
from spark_jobs.stages.silver_counts import Counted, count_change_sets
from spark_jobs.transformations.change_set import classify


@dataclass(frozen=True)
class Draft:
    """What the change set of one dataset is made of, and where it goes."""

    contract: Contract
    base: Commit
    silver: DataFrame | None
    judged: DataFrame
    deliveries: Deliveries
    order: DataFrame
    change_set: str

    def classified(self, copies: DataFrame | None) -> DataFrame:
        return classify(self.judged, self.contract, self.silver, self.order, copies)


def build_silver(spark: SparkSession, plan: Plan, epoch: int) -> SilverResult:
    """Type, judge and classify every record of the batch against silver as it stands."""
    drafts = {name: _draft(spark, plan, epoch, name) for name in plan.active}
    counted = _write(spark, plan, drafts, {})
    late = {name: _copies_after(spark, plan, drafts[name], counted[name]) for name in drafts}
    copies = {name: found for name, found in late.items() if found is not None}
    counted |= _write(spark, plan, {name: drafts[name] for name in copies}, copies)
    datasets = {
        name: _result(
            draft, counted[name], _write_moves(spark, plan, epoch, name, draft.change_set)
        )
        for name, draft in drafts.items()
    }
    return SilverResult(
        epoch=epoch,
        datasets=datasets,
        rules=rules_version(plan.datasets),
        summary=_summary([*datasets.values()]),
    )


def _draft(spark: SparkSession, plan: Plan, epoch: int, dataset: str) -> Draft:
    contract = load_contract("silver", dataset)
    path = plan.table("silver", dataset)
    base = base_of(path, plan.batch_id)
    anew = plan.input.builds_anew
    deliveries = read_deliveries(plan, dataset)
    return Draft(
        contract=contract,
        base=base,
        silver=None if anew else read_unless_empty(spark, path, contract, base.version),
        judged=silver_function(dataset)(bronze_input(spark, plan, dataset), contract),
        deliveries=deliveries,
        order=deliveries.frame(spark, plan, contract),
        change_set=plan.work("silver", str(epoch), dataset),
    )


def _write(
    spark: SparkSession, plan: Plan, drafts: Mapping[str, Draft], copies: Mapping[str, DataFrame]
) -> dict[str, Counted]:
    """Write change sets, and count what they have become; `copies` as in `classify`."""
    made = {name: draft.classified(copies.get(name)) for name, draft in drafts.items()}
    if not plan.input.quarantines:  # what is still bad stays where it is
        made = {name: rows.where(F.col("class") != "quarantined") for name, rows in made.items()}
    written = {}
    for name, draft in drafts.items():
        made[name].write.partitionBy("class").mode("overwrite").parquet(draft.change_set)
        read = spark.read.schema(made[name].schema).parquet(draft.change_set)
        written[name] = (read, draft.contract)
    counted = count_change_sets(written)
    for name, draft in drafts.items():
        if not counted[name].groups:  # no class, no file; but whoever reads it needs its columns
            nothing = made[name].limit(0).drop("class")
            nothing.write.parquet(f"{draft.change_set}/class=quarantined")
    return counted


class _Moves(NamedTuple):
    """Where the rows lie that leave quarantine, how many they are, and how many stay."""

    folder: str = ""
    moved: int = 0
    stay: int = 0


def _result(draft: Draft, counted: Counted, moves: _Moves) -> SilverBuild:
    classes, sums, reasons = counted.classes(), counted.sums(), counted.reasons()
    content = json.dumps([classes, sums, reasons, counted.fingerprint()], sort_keys=True)
    return SilverBuild(
        change_set=draft.change_set,
        base_version=draft.base.version,
        base_is_empty=draft.silver is None,
        classes=classes,
        sums=sums,
        reasons=reasons,
        rounded=counted.rounded(),
        bounds=counted.bounds(),
        digest=hashlib.sha256(content.encode()).hexdigest(),
        moves=moves.folder,
        moved=moves.moved,
        stay=moves.stay,
    )


def _copies_after(
    spark: SparkSession, plan: Plan, draft: Draft, counted: Counted
) -> DataFrame | None:
    """Judged records of later deliveries, if the batch is late and has won over an equal version.

    What it has won over may have been delivered once more since: a copy changes nothing in silver.
    """
    won, name = counted.winners(), draft.contract.name
    later = draft.deliveries.after(won, plan.batch_id) if won else []
    if not later:
        return None
    return silver_function(name)(records_of(spark, plan, name, later), draft.contract)


def _write_moves(
    spark: SparkSession, plan: Plan, epoch: int, dataset: str, change_set: str
) -> _Moves:
    """Keep which rows leave quarantine by this change set, and how many of a replay stay."""
    if plan.movement is None:
        return _Moves()
    path = plan.work("moves", str(epoch), dataset)
    moved_rows(spark, plan, dataset, spark.read.parquet(change_set)).write.mode(
        "overwrite"
    ).parquet(path)
    moved = spark.read.parquet(path).count()
    asked = quarantined_rows(spark, plan, dataset).count() if plan.input.takes_rows else moved
    return _Moves(path, moved, asked - moved)


def _summary(built: Sequence[SilverBuild]) -> str:
    totals = {name: sum(each.count(name) for each in built) for name in RECORD_CLASSES}
    listed = ", ".join(f"{number:,} {name}" for name, number in totals.items())
    settled = sum(file["settled"] for each in built for file in each.classes.values())
    listed += f"; {settled:,} settled by the order of deliveries" if settled else ""
    rounded = sum((Counter(each.rounded) for each in built), Counter[str]())
    if values := rounded.total():
        columns = ", ".join(f"{number:,} of {name}" for name, number in rounded.items() if number)
        listed += f"; {count(values, 'value')} rounded: {columns}"
    moved, stay = sum(each.moved for each in built), sum(each.stay for each in built)
    return f"{listed}; {moved:,} leave quarantine, {stay:,} stay" if moved or stay else listed

"""Bronze → the batch's change set against silver. Writes no table."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from assay.batch.plan import Plan
from assay.batch.results import GOOD_CLASSES, RECORD_CLASSES
from assay.batch.rules import rules_version
from assay.batch.stage_results import Bounds, SilverBuild, SilverResult
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.storage.delta_history import base_of
from assay.words import count
from spark_jobs.inputs.bronze_rows import bronze_input, moved_rows, quarantined_rows
from spark_jobs.inputs.deliveries import Deliveries, read_deliveries, records_of
from spark_jobs.lakehouse.merge import bounded_keys
from spark_jobs.lakehouse.shape import read_unless_empty
from spark_jobs.stages.registry import silver_function
from spark_jobs.transformations.change_set import WINNERS, classify
from spark_jobs.transformations.conform import ROUNDED, rounded_values

COUNTS = ("records", "settled", *RECORD_CLASSES)


def build_silver(spark: SparkSession, plan: Plan, epoch: int) -> SilverResult:
    """Type, judge and classify every record of the batch against silver as it stands."""
    datasets = {name: _build(spark, plan, epoch, name) for name in plan.active}
    return SilverResult(
        epoch=epoch,
        datasets=datasets,
        rules=rules_version(plan.datasets),
        summary=_summary([*datasets.values()]),
    )


def _build(spark: SparkSession, plan: Plan, epoch: int, dataset: str) -> SilverBuild:
    contract = load_contract("silver", dataset)
    path = plan.table("silver", dataset)
    base = base_of(path, plan.batch_id)
    silver = None
    if not plan.input.builds_anew:
        silver = read_unless_empty(spark, path, contract, base.version)
    deliveries = read_deliveries(plan, dataset)
    change_set = plan.work("silver", str(epoch), dataset)
    judged = silver_function(dataset)(bronze_input(spark, plan, dataset), contract)
    order = deliveries.frame(spark, plan, contract)
    counted = _write(plan, classify(judged, contract, silver, order), contract, change_set)
    late = _copies_after(spark, plan, contract, counted, deliveries)
    if late is not None:
        again = classify(judged, contract, silver, order, copies=late)
        counted = _write(plan, again, contract, change_set)
    classes, sums = _classes(counted, contract), _sums(counted, contract)
    reasons = _reasons(counted)
    moves = _write_moves(spark, plan, epoch, dataset, change_set)
    content = json.dumps([classes, sums, reasons, _fingerprint(counted)], sort_keys=True)
    return SilverBuild(
        change_set=change_set,
        base_version=base.version,
        base_is_empty=silver is None,
        classes=classes,
        sums=sums,
        reasons=reasons,
        rounded=_rounded(counted, contract),
        bounds=_bounds(counted, contract),
        digest=hashlib.sha256(content.encode()).hexdigest(),
        moves=moves.folder,
        moved=moves.moved,
        stay=moves.stay,
    )


class _Moves(NamedTuple):
    """Where the rows lie that leave quarantine, how many they are, and how many stay."""

    folder: str = ""
    moved: int = 0
    stay: int = 0


def _write(plan: Plan, classified: DataFrame, contract: Contract, change_set: str) -> list[Row]:
    """Write the change set, and count what it has become."""
    spark = classified.sparkSession
    if not plan.input.quarantines:  # what is still bad stays where it is
        classified = classified.where(F.col("class") != "quarantined")
    classified.write.partitionBy("class").mode("overwrite").parquet(change_set)
    counted = _count(spark.read.schema(classified.schema).parquet(change_set), contract)
    if not counted:  # no class, no file; but whoever reads it needs its columns
        classified.limit(0).drop("class").write.parquet(f"{change_set}/class=quarantined")
    return counted


def _copies_after(
    spark: SparkSession,
    plan: Plan,
    contract: Contract,
    counted: list[Row],
    deliveries: Deliveries,
) -> DataFrame | None:
    """Judged records of later deliveries, if the batch is late and has won over an equal version.

    What it has won over may have been delivered once more since: a copy changes nothing in silver.
    """
    won = [row["file_id"] for row in counted if row["class"] == "updated" and row["settled"]]
    later = deliveries.after(won, plan.batch_id) if won else []
    if not later:
        return None
    return silver_function(contract.name)(records_of(spark, plan, contract.name, later), contract)


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


def _count(change_set: DataFrame, contract: Contract) -> list[Row]:
    """Per file, class and reasons: records, settled ones, rounded values, sums, a fingerprint."""
    sums = [F.sum(name).alias(name) for name in contract.money]
    replaced = [F.sum(f"replaced.{name}").alias(f"replaced_{name}") for name in contract.money]
    rounded = [rounded_values(column) for column in contract.rounded]
    bits = F.xxhash64("row_hash").cast("decimal(20,0)")
    return (
        change_set.groupBy("file_id", "class", "reasons")
        .agg(
            F.count("*").alias("records"),
            F.count_if("settled").alias("settled"),
            F.sum(bits).alias("fingerprint"),
            *sums,
            *replaced,
            *rounded,
            *(
                F.struct(F.min(key), F.max(key)).alias(f"range_{key}")
                for key in bounded_keys(contract)
            ),
        )
        .collect()
    )


def _classes(counted: list[Row], contract: Contract) -> dict[str, dict[str, int]]:
    names = [*COUNTS, *([ROUNDED] if contract.rounded else [])]
    files: dict[str, dict[str, int]] = {}
    for row in counted:
        file = files.setdefault(row["file_id"], dict.fromkeys(names, 0))
        file[row["class"]] += row["records"]
        file["records"] += row["records"]
        file["settled"] += row["settled"]
        if contract.rounded:
            file[ROUNDED] += sum(_rounded([row], contract).values())
    return files


def _rounded(counted: list[Row], contract: Contract) -> dict[str, int]:
    """How many values of each column were rounded, in records that are not quarantined."""
    good = [row for row in counted if row["class"] != "quarantined"]
    return {c.name: sum(row[f"rounded_{c.name}"] for row in good) for c in contract.rounded}


def _sums(counted: list[Row], contract: Contract) -> dict[str, dict[str, str]]:
    """Exact sums of every money column per good class, and of the rows that are replaced."""
    names = [*GOOD_CLASSES, "replaced"]
    totals = {name: dict.fromkeys(contract.money, Decimal(0)) for name in names}
    for row in counted:
        for column in contract.money:
            if row["class"] in totals:
                totals[row["class"]][column] += row[column] or 0
            totals["replaced"][column] += row[f"replaced_{column}"] or 0
    return {name: {c: str(v) for c, v in sums.items()} for name, sums in totals.items()}


def _fingerprint(counted: list[Row]) -> dict[str, str]:
    prints: Counter[str] = Counter()
    for row in counted:
        prints[f"{row['file_id']}/{row['class']}"] += int(row["fingerprint"])
    return {place: str(bits) for place, bits in prints.items()}


def _reasons(counted: list[Row]) -> dict[str, int]:
    """How many quarantined records have each reason, by its name."""
    found: Counter[str] = Counter()
    for row in counted:
        for reason in row["reasons"] if row["class"] == "quarantined" else ():
            found[reason] += row["records"]
    return dict(sorted(found.items()))


def _bounds(counted: list[Row], contract: Contract) -> Bounds:
    """Between which values the keys of the rows lie that silver gets, as text; see `merge`."""
    winners = [row for row in counted if row["class"] in WINNERS]
    if not winners:
        return {}
    ranges = {key: [row[f"range_{key}"] for row in winners] for key in bounded_keys(contract)}
    return {
        key: (str(min(least for least, _ in found)), str(max(most for _, most in found)))
        for key, found in ranges.items()
    }


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

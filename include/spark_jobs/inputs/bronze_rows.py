"""Bronze as build_silver takes it: which rows, and which of them a movement keeps in quarantine."""

from __future__ import annotations

from typing import assert_never

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.batch.inputs import Patch, Rebuild, Releases, Replay, Slices, Waiver
from assay.batch.plan import Plan
from assay.errors import BatchError
from assay.intake.filenames import PATCH_NAME, PATCHED_ROW
from spark_jobs.lakehouse.tables import read_table
from spark_jobs.transformations.conform import HELD_BACK

PLACE = ["file_id", "record_number"]


def bronze_input(spark: SparkSession, plan: Plan, dataset: str) -> DataFrame:
    """The rows to build from: the batch's own, those of all batches, or quarantined ones.

    The one place that asks which kind an input is: what follows of it here are frames.
    """
    bronze = read_table(spark, plan.table("bronze", dataset))
    own = bronze.where(F.col("batch_id") == plan.batch_id)
    match plan.input:
        case Replay():
            return _rows_to_replay(bronze, quarantined_rows(spark, plan, dataset))
        case Rebuild(batches=batches):
            known = quarantined_rows(spark, plan, dataset)
            rows = bronze.where(F.col("batch_id").isin(batches))
            return _hold_back(rows, known.where(F.col("how") == "patched"), known)
        case Patch():
            known = quarantined_rows(spark, plan, dataset)
            open_rows = known.withColumn("to_batch", F.lit(plan.batch_id))
            return _hold_back(own, open_rows, known.limit(0))
        case Slices() | Waiver() | Releases():
            return own
        case _ as other:
            assert_never(other)


def quarantined_rows(spark: SparkSession, plan: Plan, dataset: str) -> DataFrame:
    """What accept_files found of this dataset; see `assay.quarantine.selection`."""
    return spark.read.parquet(plan.quarantine_rows).where(F.col("dataset") == dataset)


def _rows_to_replay(bronze: DataFrame, wanted: DataFrame) -> DataFrame:
    batches = [row[0] for row in wanted.select("from_batch").distinct().collect()]
    places = wanted.select(*PLACE, F.col("from_batch").alias("batch_id"))
    found = bronze.where(F.col("batch_id").isin(batches)).join(
        places, on=[*PLACE, "batch_id"], how="left_semi"
    )
    asked, there = wanted.count(), found.count()
    if asked != there:
        raise BatchError(f"{asked:,} quarantined rows were asked for, bronze has {there:,} of them")
    return found


def _hold_back(rows: DataFrame, patchable: DataFrame, moved: DataFrame) -> DataFrame:
    """Name, for each row that must stay in quarantine whatever the rules say, the reason.

    `patchable` are the rows that a record of a patch may replace, with the batch that may do so;
    `moved` the rows that were patched or waived.
    """
    held = moved.select(F.col("row_id").alias("held_id"), F.col("how").alias("held_how"))
    allowed = patchable.select(
        F.col("row_id").alias("allowed_id"), F.col("to_batch").alias("allowed_batch")
    )
    may_replace = (replaced_row_id() == F.col("allowed_id")) & (
        F.col("batch_id") == F.col("allowed_batch")
    )
    reason = F.when(
        F.col("held_how").isNotNull(), F.concat(F.lit("record."), F.col("held_how"))
    ).when(_is_of_patch() & F.col("allowed_id").isNull(), F.lit("record.patch_unknown"))
    return (
        rows.join(held, _row_id() == F.col("held_id"), how="left")
        .join(allowed, may_replace, how="left")
        .withColumn(HELD_BACK, reason)
    )


def _row_id() -> Column:
    return F.concat_ws(":", "file_id", "record_number")


def _is_of_patch() -> Column:
    return F.col("source_file").rlike(PATCH_NAME)


def replaced_row_id() -> Column:
    """The quarantined row that a record of a patch stands for; null for every other record."""
    return F.when(_is_of_patch(), F.trim(F.col("unknown_columns")[PATCHED_ROW]))


def moved_rows(spark: SparkSession, plan: Plan, dataset: str, change_set: DataFrame) -> DataFrame:
    """The row_id of every quarantined row that a record of the change set takes the place of."""
    good = change_set.where(F.col("class") != "quarantined")
    if not plan.input.quarantines:
        return good.select(_row_id().alias("row_id"))
    bronze = read_table(spark, plan.table("bronze", dataset)).where(
        F.col("batch_id") == plan.batch_id
    )
    patches = bronze.select(*PLACE, replaced_row_id().alias("row_id"))
    return patches.join(good.select(*PLACE), on=PLACE, how="left_semi").select("row_id").distinct()

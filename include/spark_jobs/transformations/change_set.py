"""The change set of a batch: every record in exactly one class, measured against silver.

`quarantined`: broke a rule. `duplicate`: same row hash as an earlier record of the batch, or as
silver. `superseded`: lost to another record of the batch, or is older than silver. The winner of
a key is `new` when silver lacks the key, else `updated`, and then carries the row it replaces.
The total order is event time, sequence, row hash; never lineage.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from assay.contract import Contract

WINNERS = ("new", "updated")


def version_order(contract: Contract) -> list[str]:
    """Columns that order the versions of one key."""
    return [c for c in (contract.event_time, contract.sequence) if c] + ["row_hash"]


def classify(judged: DataFrame, contract: Contract, silver: DataFrame | None) -> DataFrame:
    """Give every judged record (see `conform`) its class against silver as it stands.

    `silver` is None when silver is empty. Adds `class` and `replaced`: the silver row, as a
    struct of the contract's columns, that an `updated` row replaces; else null.
    """
    ranked = _rank_versions(judged, contract)
    replaced_type = ", ".join(f"{c.name}: {c.type}" for c in contract.columns)
    if silver is None:
        compared = ranked.withColumn("class", _class_within_batch("new")).withColumn(
            "replaced", F.lit(None).cast(f"struct<{replaced_type}>")
        )
    else:
        compared = _compare_with_silver(ranked, contract, silver)
    return compared.drop("place", "previous_hash", "same_key")


def _rank_versions(judged: DataFrame, contract: Contract) -> DataFrame:
    """Add the place among the versions of a key, and the hash of the next better version.

    Quarantined records have no key to trust: each is put alone, so that one pass serves all.
    """
    is_good = F.size("reasons") == 0
    key = F.concat_ws("\u001f", *contract.keys)
    alone = F.concat_ws(":", "file_id", "record_number")
    versions = Window.partitionBy("same_key").orderBy(
        *(F.col(name).desc() for name in version_order(contract)), "file_id", "record_number"
    )
    return (
        judged.withColumn("same_key", F.when(is_good, key).otherwise(alone))
        .withColumn("place", F.row_number().over(versions))
        .withColumn("previous_hash", F.lag("row_hash").over(versions))
    )


def _class_within_batch(winner: str | Column) -> Column:
    first = winner if isinstance(winner, Column) else F.lit(winner)
    return (
        F.when(F.size("reasons") > 0, F.lit("quarantined"))
        .when(F.col("place") == 1, first)
        .when(F.col("row_hash") == F.col("previous_hash"), F.lit("duplicate"))
        .otherwise(F.lit("superseded"))
    )


def _compare_with_silver(ranked: DataFrame, contract: Contract, silver: DataFrame) -> DataFrame:
    """Join the silver rows of the batch's keys and settle the classes against them."""
    good = ranked.where(F.size("reasons") == 0)
    keys_of_batch = good.select(*contract.keys).distinct()
    base = silver.join(keys_of_batch, on=list(contract.keys), how="left_semi").select(
        F.concat_ws("\u001f", *contract.keys).alias("same_key"),
        F.struct(*contract.column_names).alias("base_row"),
        F.struct(*version_order(contract)).alias("base_version"),
        F.col("row_hash").alias("base_hash"),
    )
    newer = F.struct(*version_order(contract)) > F.col("base_version")
    winner = (
        F.when(F.col("base_hash").isNull(), F.lit("new"))
        .when(newer, F.lit("updated"))
        .otherwise(F.lit("superseded"))
    )
    same_as_silver = F.coalesce(F.col("row_hash") == F.col("base_hash"), F.lit(False))
    settled = F.when(same_as_silver, F.lit("duplicate")).otherwise(_class_within_batch(winner))
    return (
        ranked.join(base, on="same_key", how="left")
        .withColumn("class", settled)
        .withColumn("replaced", F.when(F.col("class") == "updated", F.col("base_row")))
        .drop("base_row", "base_version", "base_hash")
    )


def apply_change_set(
    silver: DataFrame | None, change_set: DataFrame, contract: Contract
) -> DataFrame:
    """Silver as it will be once the change set is committed: the contract's columns."""
    winners = change_set.where(F.col("class").isin(*WINNERS)).select(*contract.column_names)
    if silver is None:
        return winners
    updated = change_set.where(F.col("class") == "updated").select(*contract.keys)
    kept = silver.join(updated, on=list(contract.keys), how="left_anti")
    return kept.select(*contract.column_names).unionByName(winners)

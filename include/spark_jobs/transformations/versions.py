"""Versions of a key: their order, by what they say and by when they were delivered."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from assay.contracts.model import Contract


def in_order(rows: DataFrame, deliveries: DataFrame | None) -> DataFrame:
    """Add `place`: where a record stands in the order of deliveries; an unknown file is first."""
    known = rows.withColumn("delivery", F.lit(""))
    if deliveries is not None:
        known = rows.join(F.broadcast(deliveries), on="file_id", how="left")
    place = F.struct(F.coalesce("delivery", F.lit("")).alias("delivery"), "record_number")
    return known.withColumn("place", place).drop("delivery")


def rank_versions(judged: DataFrame, contract: Contract) -> DataFrame:
    """Order the versions of each key, the best one first, and of its copies the first delivered.

    Adds `version`; of the best one `first_version`, `first_hash` and `first_place`; `leads`, true
    for it alone; and `is_copy`, true for a record with the content of one delivered before.
    Quarantined records have no key to trust: each is put alone, so that one pass serves all.
    """
    is_bad = F.size("reasons") > 0
    place, row_hash = F.col("place"), F.col("row_hash")
    keeps_first = contract.on_equal_version == "conflict"
    # Sorting compares whole rows where the first column is equal, as `alone` nearly always is.
    versions = Window.partitionBy(*contract.keys, "alone").orderBy(
        F.col("version").desc(),
        place.asc() if keeps_first else place.desc(),
        row_hash.desc(),
        "file_id",
    )
    so_far = versions.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    first_hash = F.first(row_hash).over(so_far)
    if keeps_first:
        leads = F.row_number().over(versions) == 1
        is_copy = row_hash.isin(first_hash, F.lag(row_hash).over(versions))
    else:
        # The latest comes first, so a copy stands before the record that it is a copy of.
        is_copy = row_hash == F.lead(row_hash).over(versions)
        is_of_first = F.min(row_hash).over(so_far) == F.max(row_hash).over(so_far)
        leads = is_of_first & ~F.coalesce(is_copy, F.lit(False))
    return (
        judged.withColumn("alone", F.when(is_bad, F.concat_ws(":", "file_id", "record_number")))
        .withColumn("version", F.struct(contract.event_time))
        .withColumns(
            {
                "first_version": F.first("version").over(so_far),
                "first_hash": first_hash,
                "first_place": F.first(place).over(so_far),
                "leads": leads,
                "is_copy": F.coalesce(is_copy, F.lit(False)),
            }
        )
    )


def base_types(contract: Contract) -> dict[str, str]:
    kinds = {column.name: column.type for column in contract.columns}
    row = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
    version = f"{contract.event_time}: {kinds[contract.event_time]}"
    return {
        "base_row": f"struct<{row}>",
        "base_version": f"struct<{version}>",
        "base_hash": "string",
        "base_place": "struct<delivery: string, record_number: bigint>",
    }


def silver_of_batch(
    ranked: DataFrame,
    contract: Contract,
    silver: DataFrame,
    deliveries: DataFrame | None,
    copies: DataFrame | None,
) -> DataFrame:
    """The silver rows of the batch's keys, and where each stands in the order of deliveries.

    A row stays as it is when its content is delivered again. So where a batch is late, the last of
    the `copies` says when the content was delivered last.
    """
    keys = list(contract.keys)
    wanted = ranked.where(F.size("reasons") == 0).select(*keys).distinct()
    touched = in_order(silver.join(wanted, on=keys, how="left_semi"), deliveries)
    base = touched.select(
        *keys,
        F.struct(*contract.column_names).alias("base_row"),
        F.struct(contract.event_time).alias("base_version"),
        F.col("row_hash").alias("base_hash"),
        F.col("place").alias("base_place"),
    )
    if copies is None:
        return base
    good = copies.where(F.size("reasons") == 0).join(wanted, on=keys, how="left_semi")
    again = (
        in_order(good, deliveries)
        .groupBy(*keys, F.col("row_hash").alias("base_hash"))
        .agg(F.max("place").alias("last_place"))
    )
    last = F.greatest("base_place", "last_place")
    return (
        base.join(again, on=[*keys, "base_hash"], how="left")
        .withColumn("base_place", last)
        .drop("last_place")
    )

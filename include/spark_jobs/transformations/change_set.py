"""The change set of a batch: every record in exactly one class, measured against silver.

`quarantined`: broke a rule, or has the version of another record and other content, and the
contract says that this is a conflict. `duplicate`: same row hash as another record of the batch, or
as silver. `superseded`: lost to another record of the batch, or is older than silver. The winner of
a key is `new` when silver lacks the key, else `updated`, and then carries the row it replaces.

Versions are ordered by event time and sequence. Where these are equal and the contents are not,
the contract's `on_equal_version` decides by the order of deliveries, which is a fact of the files:
never by the order in which batches happen to come.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from assay.contract import Contract

WINNERS = ("new", "updated")
CONFLICT = "version.conflict"


def version_columns(contract: Contract) -> list[str]:
    """Columns that order the versions of one key."""
    return [c for c in (contract.event_time, contract.sequence) if c]


def classify(
    judged: DataFrame,
    contract: Contract,
    silver: DataFrame | None,
    deliveries: DataFrame | None = None,
    copies: DataFrame | None = None,
) -> DataFrame:
    """Give every judged record (see `conform`) its class against silver as it stands.

    `silver` is None when silver is empty. `deliveries` (file_id, delivery) orders the files of
    batch and silver; without it all are one delivery. `copies` are judged records that silver was
    built from and that may have delivered the content of a row of silver once more, see `_base`.

    Adds `class`; `settled`, whether the order of deliveries decided; and `replaced`: the silver
    row, as a struct of the contract's columns, that an `updated` row replaces; else null.
    """
    ranked = _rank_versions(_ordered(judged, deliveries), contract)
    if silver is None:
        compared = ranked.withColumns(
            {name: F.lit(None).cast(kind) for name, kind in _base_types(contract).items()}
        )
    else:
        copied = None if copies is None else _ordered(copies, deliveries)
        base = _base(ranked, contract, _ordered(silver, deliveries), copied)
        compared = ranked.join(base, on=list(contract.keys), how="left")
    settle = _settle_conflicts if contract.on_equal_version == "conflict" else _settle_by_delivery
    return (
        settle(compared)
        .withColumn("replaced", F.when(F.col("class") == "updated", F.col("base_row")))
        .select(*contract.column_names, *_passed_on(judged, contract))
    )


def _passed_on(judged: DataFrame, contract: Contract) -> list[str]:
    known = [name for name in judged.columns if name not in (*contract.column_names, "delivered")]
    return [*known, "class", "settled", "replaced"]


def _ordered(rows: DataFrame, deliveries: DataFrame | None) -> DataFrame:
    """Add `place`: where a record stands in the order of deliveries; an unknown file is first."""
    known = rows.withColumn("delivery", F.lit(""))
    if deliveries is not None:
        known = rows.join(F.broadcast(deliveries), on="file_id", how="left")
    place = F.struct(F.coalesce("delivery", F.lit("")).alias("delivery"), "record_number")
    return known.withColumn("place", place).drop("delivery")


def _rank_versions(judged: DataFrame, contract: Contract) -> DataFrame:
    """Add `version`, the rank among the versions of a key, and what the first and the next one has.

    Quarantined records have no key to trust: each is put alone, so that one pass serves all.
    """
    is_bad = F.size("reasons") > 0
    place = F.col("place")
    in_order = place.asc() if contract.on_equal_version == "conflict" else place.desc()
    versions = Window.partitionBy("alone", *contract.keys).orderBy(
        F.col("version").desc(), in_order, F.col("row_hash").desc(), "file_id"
    )
    return (
        judged.withColumn("alone", F.when(is_bad, F.concat_ws(":", "file_id", "record_number")))
        .withColumn("version", F.struct(*version_columns(contract)))
        .withColumn("rank", F.row_number().over(versions))
        .withColumn("previous_hash", F.lag("row_hash").over(versions))
        .withColumn("first_hash", F.first("row_hash").over(versions))
        .withColumn("first_version", F.first("version").over(versions))
    )


def _base_types(contract: Contract) -> dict[str, str]:
    kinds = {column.name: column.type for column in contract.columns}
    row = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
    version = ", ".join(f"{name}: {kinds[name]}" for name in version_columns(contract))
    return {
        "base_row": f"struct<{row}>",
        "base_version": f"struct<{version}>",
        "base_hash": "string",
        "base_place": "struct<delivery: string, record_number: bigint>",
    }


def _base(
    ranked: DataFrame, contract: Contract, silver: DataFrame, copies: DataFrame | None
) -> DataFrame:
    """The silver rows of the batch's keys, and where each stands in the order of deliveries.

    A row stays as it is when its content is delivered again. So where a batch is late, the last of
    the `copies` says when the content was delivered last.
    """
    keys = list(contract.keys)
    wanted = ranked.where(F.size("reasons") == 0).select(*keys).distinct()
    base = silver.join(wanted, on=keys, how="left_semi").select(
        *keys,
        F.struct(*contract.column_names).alias("base_row"),
        F.struct(*version_columns(contract)).alias("base_version"),
        F.col("row_hash").alias("base_hash"),
        F.col("place").alias("base_place"),
    )
    if copies is None:
        return base
    again = (
        copies.where(F.size("reasons") == 0)
        .join(wanted, on=keys, how="left_semi")
        .groupBy(*keys, F.col("row_hash").alias("base_hash"))
        .agg(F.max("place").alias("last_place"))
    )
    last = F.greatest("base_place", "last_place")
    return (
        base.join(again, on=[*keys, "base_hash"], how="left")
        .withColumn("base_place", last)
        .drop("last_place")
    )


def _against_silver(wins_a_tie: Column) -> Column:
    """The class of the first version of the batch."""
    same = F.col("version") == F.col("base_version")
    return (
        F.when(F.col("base_hash").isNull(), F.lit("new"))
        .when(F.col("version") > F.col("base_version"), F.lit("updated"))
        .when(same & wins_a_tie, F.lit("updated"))
        .otherwise(F.lit("superseded"))
    )


def _classes(is_bad: Column, first: Column, is_copy: Column) -> Column:
    same_as_silver = F.coalesce(F.col("row_hash") == F.col("base_hash"), F.lit(False))
    return (
        F.when(is_bad, F.lit("quarantined"))
        .when(same_as_silver, F.lit("duplicate"))
        .when(F.col("rank") == 1, first)
        .when(is_copy, F.lit("duplicate"))
        .otherwise(F.lit("superseded"))
    )


def _settle_by_delivery(compared: DataFrame) -> DataFrame:
    """Of equal versions the one of the latest delivery wins; of one file, its last record."""
    first = _against_silver(F.col("place") > F.col("base_place"))
    is_copy = F.col("row_hash") == F.col("previous_hash")
    by_version = F.when(F.col("class") == "updated", F.col("base_version")).when(
        F.col("class") == "superseded", F.greatest("first_version", "base_version")
    )
    return compared.withColumn("class", _classes(F.size("reasons") > 0, first, is_copy)).withColumn(
        "settled", F.coalesce(F.col("version") == by_version, F.lit(False))
    )


def _settle_conflicts(compared: DataFrame) -> DataFrame:
    """Of equal versions the first delivered stands; silver was there before the batch.

    A version that a later one has replaced anyway is no conflict.
    """
    stands = F.coalesce(F.col("base_version") >= F.col("first_version"), F.lit(False))
    standing_hash = F.when(stands, F.col("base_hash")).otherwise(F.col("first_hash"))
    is_newest = F.col("version") == F.greatest("first_version", "base_version")
    was_good = F.size("reasons") == 0
    in_conflict = was_good & is_newest & (F.col("row_hash") != standing_hash)
    is_copy = F.col("row_hash").isin(F.col("previous_hash"), F.col("first_hash"))
    classes = _classes(~was_good | in_conflict, _against_silver(F.lit(False)), is_copy)
    told = F.when(in_conflict, F.array(F.lit(CONFLICT))).otherwise(F.col("reasons"))
    raw = F.when(in_conflict, F.to_json("delivered")).otherwise(F.col("raw"))
    return (
        compared.withColumn("class", classes)
        .withColumn("settled", F.lit(False))
        .withColumn("raw", raw)
        .withColumn("reasons", told)
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

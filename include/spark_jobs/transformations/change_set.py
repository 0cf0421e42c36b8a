"""The change set of a batch: every record in exactly one class, measured against silver.

`quarantined`: broke a rule, or has the version of another record and other content, and the
contract says that this is a conflict. `duplicate`: same content as an earlier record of the batch,
or as silver. `superseded`: lost to another record of the batch, or is older than silver. The winner
of a key is `new` when silver lacks the key, else `updated`, and then carries the row it replaces.

Versions are ordered by event time. Where it is equal and the contents are not, the contract's
`on_equal_version` decides. `latest_delivery` goes by the order of deliveries, which is a fact of
the files, whatever the order of the batches; under `conflict` what silver has stands.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract
from spark_jobs.transformations.versions import (
    base_types,
    in_order,
    rank_versions,
    silver_of_batch,
)

WINNERS = ("new", "updated")
CONFLICT = "version.conflict"


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
    built from and that may have delivered the content of a row once more, see `silver_of_batch`.

    Adds `class`; `settled`, whether the order of deliveries decided; and `replaced`: the silver
    row, as a struct of the contract's columns, that an `updated` row replaces; else null.
    """
    ranked = rank_versions(in_order(judged, deliveries), contract)
    if silver is None:
        compared = ranked.withColumns(
            {name: F.lit(None).cast(kind) for name, kind in base_types(contract).items()}
        )
    else:
        base = silver_of_batch(ranked, contract, silver, deliveries, copies)
        compared = ranked.join(base, on=list(contract.keys), how="left")
    settle = _settle_conflicts if contract.on_equal_version == "conflict" else _settle_by_delivery
    # A row that was hashed before its contract gained a column has another hash, and this content.
    same = (F.col("row_hash") == F.col("base_hash")) | (
        F.struct(*contract.column_names) == F.col("base_row")
    )
    return (
        settle(compared.withColumn("same_as_silver", F.coalesce(same, F.lit(False))))
        .withColumn("replaced", F.when(F.col("class") == "updated", F.col("base_row")))
        .select(*contract.column_names, *_passed_on(judged, contract))
    )


def _passed_on(judged: DataFrame, contract: Contract) -> list[str]:
    known = [name for name in judged.columns if name not in (*contract.column_names, "delivered")]
    return [*known, "class", "settled", "replaced"]


def _against_silver(wins_a_tie: Column) -> Column:
    """The class of the best version of the batch."""
    same = F.col("version") == F.col("base_version")
    return (
        F.when(F.col("base_hash").isNull(), F.lit("new"))
        .when(F.col("version") > F.col("base_version"), F.lit("updated"))
        .when(same & wins_a_tie, F.lit("updated"))
        .otherwise(F.lit("superseded"))
    )


def _classes(is_bad: Column, first: Column) -> Column:
    return (
        F.when(is_bad, F.lit("quarantined"))
        .when(F.col("same_as_silver"), F.lit("duplicate"))
        .when(F.col("leads"), first)
        .when(F.col("is_copy"), F.lit("duplicate"))
        .otherwise(F.lit("superseded"))
    )


def _settle_by_delivery(compared: DataFrame) -> DataFrame:
    """Of equal versions the one of the latest delivery wins; of one file, its last record."""
    first = _against_silver(F.col("first_place") > F.col("base_place"))
    by_version = F.when(F.col("class") == "updated", F.col("base_version")).when(
        F.col("class") == "superseded", F.greatest("first_version", "base_version")
    )
    return compared.withColumn("class", _classes(F.size("reasons") > 0, first)).withColumn(
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
    differs = (F.col("row_hash") != standing_hash) & ~F.col("same_as_silver")
    in_conflict = was_good & is_newest & differs
    classes = _classes(~was_good | in_conflict, _against_silver(F.lit(False)))
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

"""Recompute of a gold table for the groups that a change set touches, and no others."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contract import Contract
from spark_jobs.transformations.change_set import WINNERS, apply_change_set

Transformation = Callable[[DataFrame], DataFrame]


def gold_candidates(
    silver: DataFrame | None,
    change_set: DataFrame,
    silver_contract: Contract,
    gold_contract: Contract,
    grain: Transformation,
    summarise: Transformation,
) -> DataFrame:
    """The touched groups as they will be: the gold contract's columns, and `deleted`.

    Touched are the groups of new and updated rows, and the groups of the rows that they replace.
    A touched group that is left without rows is `deleted`, and has only its keys.
    """
    columns = [F.col(c.name).cast(c.type).alias(c.name) for c in gold_contract.columns]
    after = grain(apply_change_set(silver, change_set, silver_contract))
    if silver is None:
        return summarise(after).select(*columns, F.lit(False).alias("deleted"))
    keys = list(gold_contract.keys)
    touched = _touched(change_set, silver_contract, grain).select(*keys).distinct()
    groups = summarise(after.join(touched, on=keys, how="left_semi")).select(*columns)
    emptied = touched.join(groups, on=keys, how="left_anti").withColumn("deleted", F.lit(True))
    return groups.withColumn("deleted", F.lit(False)).unionByName(emptied, allowMissingColumns=True)


def _touched(change_set: DataFrame, contract: Contract, grain: Transformation) -> DataFrame:
    incoming = change_set.where(F.col("class").isin(*WINNERS)).select(*contract.column_names)
    outgoing = change_set.where(F.col("class") == "updated").select("replaced.*")
    return grain(incoming.unionByName(outgoing))

"""Bringing a set of changes into a table by key: one MERGE, also when it corrects itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import reduce
from operator import and_

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contracts.model import Contract
from spark_jobs.lakehouse.shape import read_as
from spark_jobs.lakehouse.tables import read_table, with_settings

# Least and greatest value by column, as text.
Bounds = Mapping[str, tuple[str, str]]
# An immutable source needs no second copy on disk; Delta cannot see that it is one.
SETTINGS = {"spark.databricks.delta.merge.materializeSource": "none"}


def told_columns(contract: Contract, names: Collection[str]) -> list[str]:
    """Those whose bounds a result may name: no value of a sensitive column is shown in one."""
    return [c.name for c in contract.columns if c.name in names and not c.sensitive]


def merge_changes(
    spark: SparkSession, path: str, changes: DataFrame, contract: Contract, bounds: Bounds
) -> None:
    """MERGE rows by key; a row with `deleted` takes its key out of the table.

    `changes` has the table's columns and `deleted`, and each key once. `bounds` says between which
    values columns of every row lie that has the key of a change: files without such rows are not
    read. A row outside of them is not found, so that its key would be there twice.
    """
    columns = [name for name in changes.columns if name != "deleted"]
    kinds = {column.name: column.type for column in contract.columns}
    is_same = [F.col(f"`{path}`.{key}") == F.col(f"s.{key}") for key in contract.keys]
    is_near = [
        F.col(f"`{path}`.{name}").between(*(F.lit(bound).cast(kinds[name]) for bound in limits))
        for name, limits in bounds.items()
    ]
    row = {name: F.col(f"s.{name}") for name in columns}
    with with_settings(spark, SETTINGS):
        (
            changes.alias("s")
            .mergeInto(f"delta.`{path}`", reduce(and_, [*is_same, *is_near]))
            .whenMatched(F.col("s.deleted"))
            .delete()
            .whenMatched()
            .update(row)
            .whenNotMatched(~F.col("s.deleted"))
            .insert(row)
            .merge()
        )


def with_reverts(
    spark: SparkSession, path: str, base_version: int, changes: DataFrame, contract: Contract
) -> DataFrame:
    """The changes, and for all else that differs from the base version, what stood there.

    For a batch that commits again after a changed rule: what its earlier commit did, and this one
    does not, is taken back.
    """
    keys = list(contract.keys)
    columns = [name for name in changes.columns if name != "deleted"]
    now = read_table(spark, path).select(*columns)
    base = read_as(spark, path, contract, base_version).select(*columns)
    differs = now.exceptAll(base).select(*keys).union(base.exceptAll(now).select(*keys)).distinct()
    reverts = (
        differs.join(changes.select(*keys), on=keys, how="left_anti")
        .join(base.withColumn("deleted", F.lit(False)), on=keys, how="left")
        .withColumn("deleted", F.coalesce("deleted", F.lit(True)))
    )
    return changes.unionByName(reverts.select(*changes.columns))

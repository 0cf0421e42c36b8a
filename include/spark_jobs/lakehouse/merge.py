"""Bringing a set of changes into a table by key: one MERGE, also when it corrects itself."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contract import Contract
from spark_jobs.lakehouse.shape import read_as
from spark_jobs.lakehouse.tables import read_table

SOURCE_VIEW = "assay_changes"


def merge_changes(spark: SparkSession, path: str, changes: DataFrame, keys: Sequence[str]) -> None:
    """MERGE rows by key; a row with `deleted` takes its key out of the table.

    `changes` has the table's columns and `deleted`, and each key once.
    """
    columns = [name for name in changes.columns if name != "deleted"]
    changes.createOrReplaceTempView(SOURCE_VIEW)
    on = " AND ".join(f"t.{key} = s.{key}" for key in keys)
    sets = ", ".join(f"t.{name} = s.{name}" for name in columns)
    # An immutable source needs no second copy on disk; Delta cannot see that it is one.
    spark.conf.set("spark.databricks.delta.merge.materializeSource", "none")
    spark.sql(
        f"MERGE INTO delta.`{path}` t USING {SOURCE_VIEW} s ON {on} "
        f"WHEN MATCHED AND s.deleted THEN DELETE "
        f"WHEN MATCHED THEN UPDATE SET {sets} "
        f"WHEN NOT MATCHED AND NOT s.deleted THEN INSERT ({', '.join(columns)}) "
        f"VALUES ({', '.join('s.' + name for name in columns)})"
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

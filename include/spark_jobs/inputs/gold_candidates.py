"""The touched groups of a gold table, as build_gold has written them."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from assay.contracts.model import Contract


def read_candidates(spark: SparkSession, folder: str, contract: Contract) -> DataFrame:
    """The contract's columns and `deleted`; the files may have columns of other tables besides."""
    return spark.read.parquet(folder).select(*contract.column_names, "deleted")

"""A small fixed Delta job: writes, appends and reads a table below the folder given."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession


def main(folder: str) -> None:
    """Two writes, a count, an aggregate."""
    spark = SparkSession.builder.appName("small-delta-job").getOrCreate()
    rows = spark.range(1000).selectExpr("id AS key", "id % 7 AS kind", "cast(id AS string) text")
    rows.write.format("delta").save(folder)
    rows.write.format("delta").mode("append").save(folder)
    table = spark.read.format("delta").load(folder)
    groups = table.groupBy("kind").count().collect()
    if len(groups) != 7 or table.count() != 2000:
        sys.exit(f"wrong answer: {groups}")
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1])

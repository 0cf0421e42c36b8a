"""The prior systems' way with a stream, written anew from its description: files, JDBC append.

Spark's own file source takes one file for each micro-batch; what is valid is appended to one table
and the rest to another. Runs until it is asked to end.
Arguments: landing folder, checkpoint folder; BENCH_JDBC_URL, _USER and _PASSWORD in the
environment.
"""

from __future__ import annotations

import os
import sys

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

SCHEMA = (
    "event_id string, event_time timestamp, event_type string, product_id int, product_name string,"
    " price double, user_id int, session_id string"
)


def append(rows: DataFrame, table: str) -> None:
    rows.write.mode("append").jdbc(
        os.environ["BENCH_JDBC_URL"],
        table,
        properties={
            "user": os.environ["BENCH_JDBC_USER"],
            "password": os.environ["BENCH_JDBC_PASSWORD"],
            "driver": "org.postgresql.Driver",
        },
    )


def take(rows: DataFrame, _: int) -> None:
    """One file; a row with a null in what is asked for is in neither table, as it was."""
    valid = (
        (F.col("price") > 0)
        & F.col("event_type").isin("view", "purchase")
        & F.col("product_id").isNotNull()
        & F.col("user_id").isNotNull()
    )
    append(rows.where(valid), "user_activity")
    texts = [F.col(name).cast("string").alias(name) for name in rows.columns]
    append(rows.where(~valid).select(*texts), "user_activity_errors")


def main(landing: str, checkpoint: str) -> None:
    spark = SparkSession.builder.appName("prior stream").getOrCreate()
    spark.conf.set("spark.sql.ansi.enabled", "false")
    query = (
        spark.readStream.schema(SCHEMA)
        .option("header", value=True)
        .option("maxFilesPerTrigger", 1)
        .csv(landing)
        .writeStream.foreachBatch(take)
        .option("checkpointLocation", checkpoint)
        .start()
    )
    print("started", flush=True)
    query.awaitTermination()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Appends the winners of a change set to the serving table by Spark's JDBC writer, all defaults.

Prints the seconds of the append; the session is started and warmed before. Argument: folder of the
change set; BENCH_JDBC_URL, _USER and _PASSWORD in the environment.
"""

from __future__ import annotations

import os
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.contracts.load import load_contract
from assay.publish.targets import serving_target


def main(change_set: str) -> None:
    """Append the rows that publish would stage."""
    target = serving_target(load_contract("silver", "trades"), change_set, replaces_all=True)
    spark = SparkSession.builder.appName("jdbc-append").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    rows = spark.read.parquet(change_set).where(F.col("class").isin("new", "updated"))
    rows = rows.select(*target.names_in_lake).toDF(*target.names)
    rows.limit(1000).write.format("noop").mode("overwrite").save()
    properties = {
        "user": os.environ["BENCH_JDBC_USER"],
        "password": os.environ["BENCH_JDBC_PASSWORD"],
        "driver": "org.postgresql.Driver",
    }
    began = time.monotonic()
    rows.write.mode("append").jdbc(os.environ["BENCH_JDBC_URL"], target.table, None, properties)
    seconds = time.monotonic() - began
    spark.stop()
    print(seconds, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

"""The Spark session of a job. All settings come from `assay.stack.spark`, by spark-submit."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession


def open_session(name: str) -> SparkSession:
    """The session of this application; safety settings are asserted, not assumed."""
    spark = SparkSession.builder.appName(name).getOrCreate()
    for setting, needed in {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
        "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
        "spark.sql.files.ignoreCorruptFiles": "false",
        "spark.sql.files.ignoreMissingFiles": "false",
    }.items():
        found = spark.conf.get(setting, "")
        if found != needed:
            raise RuntimeError(f"{setting} is {found!r}; Assay's results hold only for {needed!r}")
    return spark


def local_frame(spark: SparkSession, rows: list[dict[str, Any]], schema: pa.Schema) -> DataFrame:
    """A few rows that the driver knows, as a frame that needs no Python worker to be read."""
    return spark.createDataFrame(pa.Table.from_pylist(rows, schema=schema))


def tasks_by_host(spark: SparkSession) -> dict[str, int]:
    """Tasks done by the executors on each host; empty where the driver does them all itself."""
    # Spark tells it on its page and to its status store, which Python has no name for.
    known = spark.sparkContext._jsc.sc().statusStore().executorList(False)
    tasks: Counter[str] = Counter()
    for each in (known.apply(place) for place in range(known.size())):
        if each.id() != "driver":
            tasks[each.hostPort().rpartition(":")[0]] += each.completedTasks()
    return dict(tasks)

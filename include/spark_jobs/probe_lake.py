"""Has the executors of a cluster write into the lake: probe_lake.py LAKE FILES. The doctor's.

Prints how many tasks the executors on each host did, and how many of the files the driver sees.
"""

from __future__ import annotations

import json
import sys
from uuid import uuid4

from pyspark.sql import SparkSession

from spark_jobs.entry import die_with_parent
from spark_jobs.lakehouse.session import tasks_by_host


def main(lake: str, files: int) -> None:
    """Write files that each have a task of their own, count them, and remove them."""
    die_with_parent()
    spark = SparkSession.builder.appName("probe_lake").getOrCreate()
    folder = f"{lake}/.probe-{uuid4().hex}"
    # Py4J has no types.
    place = spark._jvm.org.apache.hadoop.fs.Path(folder)  # type: ignore[union-attr]
    disk = place.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    try:
        spark.range(0, files, 1, files).write.parquet(folder)
        seen = spark.read.schema("id bigint").parquet(folder).inputFiles()
    finally:
        disk.delete(place, True)
    print(json.dumps({"tasks": tasks_by_host(spark), "files": len(seen)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

"""Has the executors of a cluster write into the lake: probe_lake.py LAKE FILES. The doctor's.

Prints Spark's version, how many tasks the executors on each host did, and how many of their files
this machine sees.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from assay.home.processes import die_with_parent
from assay.storage.addresses import Place, as_place
from assay.storage.objects import remove, sizes_below
from spark_jobs.lakehouse.session import session

# Asks an executor for its host, without a Python there.
HOST = "java_method('java.net.InetAddress', 'getLocalHost') AS host"


def main(lake: str, files: int) -> None:
    """Write files that each have a task of their own, count them, and remove them."""
    die_with_parent()
    folder = as_place(lake) / f".probe-{uuid4().hex}"
    with session("probe_lake") as spark:
        facts: dict[str, Any] = {"version": spark.version, "tasks": {}}
        try:
            spark.range(0, files, 1, files).selectExpr("id", HOST).write.parquet(str(folder))
            facts["files"] = sum(name.endswith(".parquet") for name in sizes_below(folder))
            if facts["files"] == files:
                hosts = spark.read.parquet(str(folder)).groupBy("host").count().collect()
                facts["tasks"] = {row["host"]: row["count"] for row in hosts}
        finally:
            _remove(folder)
    print(json.dumps(facts), flush=True)


def _remove(folder: Place) -> None:
    for name in sizes_below(folder):
        remove(folder / name)
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

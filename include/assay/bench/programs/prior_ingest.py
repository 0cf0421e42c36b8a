"""The prior system's way, written anew from its description: a loop over the files.

Each file is read as text, cast, deduplicated within itself, appended to Postgres by JDBC, then
deduplicated and appended a second time with its batch columns. Prints the seconds of each file.
Arguments: landing folder, backup folder; BENCH_JDBC_URL, _USER and _PASSWORD in the environment.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
import uuid
from datetime import datetime
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

NUMBERS = ("From_Cost", "To_Cost", "From_Pip", "To_Pip")
TIMES = ("Transaction_Date", "Created_On", "Updated_on")
BATCH_COLUMNS = (
    "id string, file_name string, row_count int, created_dt timestamp, ingest_status string, "
    "ingest_start_date_time timestamp, ingest_end_date_time timestamp, updated_dt timestamp, "
    "concurrent_number int"
)


def cast_and_dedupe(rows: DataFrame) -> DataFrame:
    for name in NUMBERS:
        rows = rows.withColumn(name, F.col(name).cast("double"))
    for name in TIMES:
        rows = rows.withColumn(name, F.col(name).cast("timestamp"))
    return rows.dropDuplicates(["TradeId", "CustomerId"])


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


def ingest_file(spark: SparkSession, path: Path, backup: Path) -> None:
    rows = spark.read.option("header", value=True).csv(str(path))
    if rows.isEmpty():
        return
    trades = cast_and_dedupe(rows)
    append(trades, "trade_event")
    now, batch_id = datetime.now(), str(uuid.uuid4())
    number = random.randint(1, 20)  # noqa: S311
    batch = (batch_id, path.name, trades.count(), now, "COMPLETED", now, now, now, number)
    append(spark.createDataFrame([batch], BATCH_COLUMNS), "trade_event_ingest_batch")
    again = (
        cast_and_dedupe(rows)
        .withColumn("batch_id", F.lit(batch_id))
        .withColumn("batch_concurrent_number", F.lit(number))
        .withColumn("ingest_date", F.lit(now))
        .withColumn("concurrent_number", F.lit(random.randint(1, 20)))  # noqa: S311
    )
    append(again, "trade_event")
    folder = backup / now.strftime("%Y-%m-%d-%H") / batch_id
    folder.mkdir(parents=True)
    shutil.move(path, folder / path.name)


def main(landing: Path, backup: Path) -> None:
    """Ingest every file of the folder; bad values become null, as they did before Spark 4."""
    spark = SparkSession.builder.appName("prior").getOrCreate()
    spark.conf.set("spark.sql.ansi.enabled", "false")
    seconds = []
    for path in sorted(landing.iterdir()):
        began = time.monotonic()
        ingest_file(spark, path, backup)
        seconds.append(time.monotonic() - began)
    spark.stop()
    print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""A small job that loads the classes every job loads; its JVM writes the start-up cache.

Its tables live in a scratch folder that is removed when it ends: train_start_cache.py FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import SparkSession

STATEMENTS = (
    """CREATE TABLE {table} USING delta
       TBLPROPERTIES ('delta.enableDeletionVectors' = 'true') AS
       SELECT cast(key AS bigint) key, upper(text) text,
              try_cast(amount AS decimal(18,2)) amount, try_cast(at AS timestamp) at
       FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY at DESC, xxhash64(text)) place
             FROM landing) WHERE place = 1""",
    """MERGE INTO {table} old
       USING (SELECT key + 500 key, text, amount + 1 amount, at FROM {table}) new
       ON old.key = new.key
       WHEN MATCHED THEN UPDATE SET text = new.text, at = new.at
       WHEN NOT MATCHED THEN INSERT (key, text, amount, at)
            VALUES (new.key, new.text, cast(new.amount AS decimal(18,2)), new.at)""",
    "INSERT INTO {table} REPLACE WHERE key < 10 SELECT * FROM {table} WHERE key < 10",
)
QUESTIONS = (
    """SELECT to_date(at) day, text, count(*), sum(amount), min(sha2(text, 256))
       FROM {table} GROUP BY 1, 2 ORDER BY 1""",
    "SELECT count(*) FROM {table} VERSION AS OF 0",
    "SELECT count(*) FROM {table} a LEFT ANTI JOIN landing b ON a.key = b.key",
    "DESCRIBE HISTORY {table}",
)


def main(folder: Path) -> None:
    """Read CSV, write, MERGE, replace and query a small Delta table."""
    landing = folder / "landing.csv"
    rows = [
        f'{n % 900},"text {n % 7}",{n}.25,2026-01-{n % 28 + 1:02} 10:00:00' for n in range(1000)
    ]
    landing.write_text("\n".join(["key,text,amount,at", *rows]))
    spark = SparkSession.builder.appName("train-start-cache").getOrCreate()
    frame = spark.read.option("header", "true").option("multiLine", "true").csv(str(landing))
    frame.createOrReplaceTempView("landing")
    table = f"delta.`{folder / 'table'}`"
    for statement in STATEMENTS:
        spark.sql(statement.format(table=table))
    for question in QUESTIONS:
        spark.sql(question.format(table=table)).collect()
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A fence keeps out what a dead client's query still writes, and changes no row."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.errors import FencedError
from assay.storage.delta_fence import put_fence
from assay.storage.delta_history import commits, head
from spark_jobs.lakehouse import tables

EPOCH = 5
FENCE = tables.Fence("a_batch_1", EPOCH, manifest_hash="", contract_version="", digest="")


@pytest.fixture
def path(spark: SparkSession, tmp_path: Path) -> str:
    """An empty table."""
    made = str(tmp_path / "layer" / "table")
    tables.create_table(spark, made, "x BIGINT", **{"delta.enableDeletionVectors": "true"})
    return made


def test_a_write_that_begins_later_is_left_out(spark: SparkSession, path: str) -> None:
    rows = spark.range(1).select(F.col("id").alias("x"))
    put_fence(path, EPOCH)
    with pytest.raises(FencedError):
        tables.commit(spark, path, FENCE, lambda: tables.append(path, rows))
    assert tables.read_table(spark, path).count() == 0
    newer = tables.Fence("a_batch_1", EPOCH + 1, "", "", digest="")
    tables.commit(spark, path, newer, lambda: tables.append(path, rows))
    assert tables.read_table(spark, path).count() == 1


def test_a_write_that_is_under_way_meets_a_conflict(spark: SparkSession, path: str) -> None:
    begun = Path(path).with_name("begun")

    @F.udf("bigint")
    def slowly(number: int) -> int:
        begun.touch()
        time.sleep(3)
        return number

    rows = spark.range(1).select(slowly("id").alias("x"))
    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(
            tables.commit, spark, path, FENCE, lambda: tables.append(path, rows)
        )
        while not begun.exists():
            assert not writing.done()
            time.sleep(0.05)
        put_fence(path, EPOCH)
        with pytest.raises((Py4JJavaError, PySparkException), match=r"(?i)concurrent"):
            writing.result()
    assert tables.read_table(spark, path).count() == 0


def test_it_is_no_commit_of_anybody_and_put_where_there_is_no_table_it_is_nothing(
    spark: SparkSession, path: str, tmp_path: Path
) -> None:
    before = head(path)
    for epoch in (EPOCH, EPOCH + 1):
        put_fence(path, epoch)
    assert head(path) == before
    none = tmp_path / "none"
    put_fence(str(none), EPOCH)
    assert commits(str(none)) == []
    assert not none.exists()

"""Upkeep of one table: small files are put together, files that nobody can need are removed.

Neither changes content, so neither is a commit of a batch.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from assay.errors import BatchError
from assay.storage.delta_history import base_of, head
from spark_jobs.lakehouse.tables import set_properties, with_settings

# A table is compacted when it has more files of less than SMALL bytes than MOST_SMALL, not
# counting one in each partition.
SMALL = 32 << 20
MOST_SMALL = 16
HOUR = 3600.0
# A file is marked as removed before the commit that says so, at most by the length of a job.
MARGIN = 24 * HOUR
VACUUM_SETTINGS = {
    "spark.databricks.delta.vacuum.logging.enabled": "false",  # its versions would say nothing
    # Delta lists a table in so many tasks, by default ten thousand: a minute for a small table.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
}


def keep_properties(spark: SparkSession, path: str, wanted: Mapping[str, str]) -> bool:
    """Give the table the properties that its contract asks for today; False when it has them."""
    found = DeltaTable(path).metadata().configuration
    lacking = {name: value for name, value in wanted.items() if found.get(name) != value}
    if lacking:
        set_properties(spark, path, lacking)
    return bool(lacking)


def count_small_files(path: str) -> int:
    """Small files that could be fewer: one in each partition has to be."""
    files = pa.table(DeltaTable(path).get_add_actions(flatten=True))
    small = Counter(
        file.rpartition("/")[0]
        for file, size in zip(
            files["path"].to_pylist(), files["size_bytes"].to_pylist(), strict=True
        )
        if size < SMALL
    )
    return sum(small.values()) - len(small)


def compact(spark: SparkSession, path: str) -> int:
    """Put small files together; returns how many files there are less."""
    before = len(DeltaTable(path).file_uris())
    spark.sql(f"OPTIMIZE delta.`{path}`").collect()
    return before - len(DeltaTable(path).file_uris())


def vacuum(
    spark: SparkSession, path: str, versions: Iterable[int], days: int, *, dry_run: bool
) -> int | None:
    """Remove files that no version of the last days, and none of `versions`, reads.

    Returns how many went, or would go; None when none may. Besides what is asked for, the newest
    content and what it was made on stay readable. Delta forgets after `days` which version read a
    file that was removed, so where an older version is needed nothing goes.
    """
    newest = head(path)
    standing = {newest.version, base_of(path, newest.batch_id).version}
    oldest = _oldest_removal(path, standing | {*versions})
    if oldest < time.time() - days * 24 * HOUR + MARGIN:
        return None
    return remove_files(spark, path, dry_run=dry_run)


def remove_files(spark: SparkSession, path: str, *, dry_run: bool) -> int:
    """Remove files that left the table longer ago than it keeps them; returns how many.

    How long that is says the table itself, by a property that `keep_properties` has set. Delta
    ignores a retention in the statement, and warns of one twice a table.
    """
    statement = f"VACUUM delta.`{path}`"
    with with_settings(spark, VACUUM_SETTINGS):
        removable = len(spark.sql(f"{statement} DRY RUN").collect())
        if removable and not dry_run:
            spark.sql(statement).collect()
    return removable


def _oldest_removal(path: str, versions: set[int]) -> float:
    """What a version reads was removed, if at all, by the version after it or by a later one."""
    made = {int(entry["version"]): int(entry["timestamp"]) for entry in DeltaTable(path).history()}
    after = {version + 1 for version in versions if version >= 0} - {max(made) + 1}
    if lost := sorted(after - made.keys()):
        raise BatchError(
            f"{path}: version {lost[0] - 1} must stay readable, but the log no longer has the one "
            "after it; nothing is removed from this table"
        )
    return min((made[version] / 1000 for version in after), default=math.inf)

"""Delta tables: creation from contracts, pinned reads, and the one fenced commit function."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from assay import failpoints
from assay.errors import BatchError, FencedError
from assay.storage.addresses import as_place
from assay.storage.delta_history import Commit, commits, head
from assay.storage.objects import remove, sizes_below

TXN_APP_ID = "spark.databricks.delta.write.txnAppId"
TXN_VERSION = "spark.databricks.delta.write.txnVersion"
USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"

made: Counter[str] = Counter()  # versions by path, of this process, which is one attempt


@dataclass(frozen=True)
class Fence:
    """Who commits: written into the metadata of every commit, and checked after it.

    `digest` identifies the content, so that a repeated commit of the same can be left out.
    """

    batch_id: str
    epoch: int
    manifest_hash: str
    contract_version: str
    digest: str


def create_table(
    spark: SparkSession, path: str, ddl: str, *, partition_by: str = "", **properties: str
) -> None:
    """Create an empty table with explicit columns, unless it is there.

    Raises BatchError when something else is in its place.
    """
    if commits(path, limit=1):
        return
    _clear_unfinished(path)
    partitioned = f"PARTITIONED BY ({partition_by})" if partition_by else ""
    settings = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
    spark.sql(
        f"CREATE TABLE IF NOT EXISTS delta.`{path}` ({ddl}) USING delta {partitioned} "
        f"TBLPROPERTIES ({settings})"
    )
    made[path] += 1
    if not commits(path, limit=1):
        raise BatchError(
            f"{path}: holds files, and no version of a Delta table; move them away and clear the"
            " task, or bring back its _delta_log"
        )


def _clear_unfinished(path: str) -> None:
    """Remove what an attempt left that was cut off while it created the table: hidden files alone.

    Delta takes any folder that is not empty for a table, and would never create this one.
    """
    place = as_place(path)
    left = sizes_below(place)
    if any(not PurePosixPath(name).name.startswith(".") for name in left):
        return
    for name in left:
        remove(place / name)
    for folder, _, _ in os.walk(path, topdown=False) if isinstance(place, Path) else ():
        with suppress(OSError):  # not empty: another attempt has made the table meanwhile
            Path(folder).rmdir()


def read_table(spark: SparkSession, path: str, version: int | None = None) -> DataFrame:
    """A table at a pinned version, or at its head."""
    if version is None:
        return spark.read.format("delta").load(path)
    return _read_version(spark, path, version)


@lru_cache(maxsize=16)
def _read_version(spark: SparkSession, path: str, version: int) -> DataFrame:
    """One frame for all who ask: each new one has Delta put the table's log together anew."""
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def append(path: str, rows: DataFrame) -> None:
    """Add rows whose keys the table lacks. To be called by `commit` only."""
    rows.write.format("delta").mode("append").save(path)


def replace_batch(path: str, rows: DataFrame, batch_id: str) -> None:
    """Replace the rows that one batch owns. To be called by `commit` only."""
    only_its_own = f"batch_id = '{batch_id}'"
    rows.write.format("delta").mode("overwrite").option("replaceWhere", only_its_own).save(path)


def has_batch(path: str, batch_id: str) -> bool:
    """Whether a table that is partitioned by batch has rows of this one."""
    try:
        only_its_own = f"batch_id = '{batch_id}'"
        return bool(DeltaTable(path).partitions(file_pruning_predicate=only_its_own))
    except TableNotFoundError:
        return False


@contextmanager
def with_settings(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Session settings that govern every Delta write; taken away again right after."""
    for key, value in settings.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key in settings:
            spark.conf.unset(key)


def signed(spark: SparkSession, fence: Fence) -> AbstractContextManager[None]:
    """Have the next commits say whose they are, though not what they hold."""
    return with_settings(spark, {USER_METADATA: json.dumps(asdict(replace(fence, digest="")))})


def set_properties(spark: SparkSession, path: str, properties: Mapping[str, str]) -> None:
    """Set properties of a table: a version that belongs to no batch and changes no row."""
    settings = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
    alter(spark, path, f"SET TBLPROPERTIES ({settings})")


def unset_property(spark: SparkSession, path: str, name: str) -> None:
    alter(spark, path, f"UNSET TBLPROPERTIES IF EXISTS ('{name}')")


def alter(spark: SparkSession, path: str, change: str) -> None:
    """Change what a table is, not what it holds."""
    spark.sql(f"ALTER TABLE delta.`{path}` {change}")
    made[path] += 1


def commit(spark: SparkSession, path: str, fence: Fence, write: Callable[[], object]) -> int:
    """Run one Delta write under the fence and return the version it made.

    Delta skips a write in silence when a newer epoch has written before, and refuses one that a
    newer epoch overtakes; so the newest commit is read back, and FencedError raised when it is
    not ours.
    """
    table = ".".join(path.rstrip("/").split("/")[-2:])
    settings = {
        TXN_APP_ID: path.rstrip("/"),
        TXN_VERSION: str(fence.epoch),
        USER_METADATA: json.dumps(asdict(fence)),
    }
    with with_settings(spark, settings):
        failpoints.reach(f"before {table}")
        try:
            write()
        except (Py4JJavaError, PySparkException):
            require_newest(path, fence)
            raise
        failpoints.reach(f"after {table}")
    newest = head(path)
    if (newest.batch_id, newest.epoch) != (fence.batch_id, fence.epoch):
        raise _overtaken(path, fence, newest)
    made[path] += 1
    return newest.version


def require_newest(path: str, fence: Fence) -> None:
    """Raise FencedError when a newer epoch has written."""
    newest = head(path)
    if newest.epoch > fence.epoch:
        raise _overtaken(path, fence, newest)


def _overtaken(path: str, fence: Fence, newest: Commit) -> FencedError:
    other = _pipeline_of(newest.batch_id)
    is_another = other not in ("", _pipeline_of(fence.batch_id))
    remedy = (
        f"; the table was written by the pipeline {other}: if {_pipeline_of(fence.batch_id)} is to"
        f" go on with it, run `assay lake adopt {_pipeline_of(fence.batch_id)}` (see the runbook)"
    )
    return FencedError(
        f"{path}: epoch {fence.epoch} wrote nothing, for epoch {newest.epoch} of batch "
        f"{newest.batch_id or 'unknown'} has written before; this attempt is over"
        f"{remedy if is_another else ''}"
    )


def _pipeline_of(batch_id: str) -> str:
    """The first part of a batch's id; see `assay.batch.run.batch_id_of`."""
    return batch_id.rsplit("_", 2)[0] if batch_id.count("_") > 1 else ""

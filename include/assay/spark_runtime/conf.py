"""The one place for Spark settings: what a job is launched with, and its environment."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from assay.home.paths import SPARK_HOME, path_with_programs
from assay.settings import LOOPBACK, MEMORY_BESIDE_SPARK, Settings
from assay.spark_runtime.jars import ensure_jars, job_groups, job_jars
from assay.spark_runtime.java import ensure_java
from assay.spark_runtime.start_cache import StartCache

JAVA_OPTIONS = "-Duser.timezone=UTC -XX:+ExitOnOutOfMemoryError"
# Executors of a cluster may be another user of the driver's group, and both add to one folder.
CLUSTER_UMASK = 0o002
HEAP_OF_WARM_JOB = 2 << 30
BESIDE_DRIVER = 1 << 30  # what a job needs besides the heap of its driver, its Python included
CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.parquet.compression.codec": "zstd",
    # INT96, the default, is nanoseconds to most readers, and ends in the year 2262 for them.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A day of a delivered file is the day that it says, also before 1582: no calendar is guessed.
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # A change set is written class by class without being sorted by class first.
    "spark.sql.maxConcurrentOutputFileWriters": "8",
    # The defaults of the next two are made for large clusters; docs/benchmarks.md has the gain.
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
    # How far back a table is read is for the releases to say; maintenance keeps what they need.
    "spark.databricks.delta.vacuum.enforceTimeTravelWithinDeletedFileRetentionDuration": "false",
    # A file that cannot be read must fail the job: skipping it would lose rows in silence.
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.speculation": "false",
    # HotSpot compiles no method whose bytecode is larger. Spark's own limit lets generated code be
    # eight times as large, and a contract's rules come to that: it then runs interpreted.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    "spark.ui.enabled": "false",
    # Spark asks nobody for a password, so a page of anyone's could post to this one.
    "spark.ui.killEnabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "WARN",
}

# Also a driver that has no executor listens for them; with a secret of its own, for nobody.
LOCAL = {"spark.authenticate": "true"}


def prepare_spark(settings: Settings, say: Callable[[str], None]) -> None:
    """Make ready what Spark needs before its first job: Java and all JARs.

    And the start-up cache where every job starts a JVM. A server starts too seldom to be worth the
    minute that the cache takes; one that finds a cache uses it.
    """
    ensure_java(settings)
    for group in job_groups(settings):
        ensure_jars(settings, say, group)
    if not settings.is_remote:
        ensure_start_cache(settings, say)


def ensure_start_cache(settings: Settings, say: Callable[[str], None]) -> None:
    """Build the start-up cache unless there is one for this Java, Spark and JARs.

    A cache that cannot be built is reported and done without.
    """
    cache = _start_cache(settings)
    cache.ensure(_conf(settings, cache.record_option), spark_environment(settings), say)


def submit_conf(settings: Settings) -> dict[str, str]:
    """Spark conf of every job, as it has to be known when its JVM starts.

    The driver's memory is no part of it (`settings.driver_memory`). Raises StackError when the
    JARs have not been fetched.
    """
    return _conf(settings, _start_cache(settings).use_option)


def spark_environment(settings: Settings) -> dict[str, str]:
    """What a process that starts Spark needs in its environment, on top of its own."""
    # Reachable from elsewhere, a JVM is told its name and listens on every address.
    local = {"SPARK_LOCAL_IP": LOOPBACK} if settings.listen == LOOPBACK else {}
    return {
        **local,
        "JAVA_HOME": str(ensure_java(settings).home),
        "SPARK_HOME": str(SPARK_HOME),
        "PATH": path_with_programs(),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "TZ": "UTC",
        "GX_ANALYTICS_ENABLED": "false",
    }


def jobs_at_once(settings: Settings) -> int:
    """How many Spark jobs this machine holds.

    Of a warm Spark, one for each core and 2 GB of its heap: a small job leaves a core idle half of
    the time (`together` in docs/benchmarks.md). Else one for two cores, as far as there is memory.
    A cluster gives all it has to its first job, and how much a server elsewhere has is not known.
    """
    if settings.is_cluster:
        return 1
    if settings.is_warm:
        return max(1, min(os.cpu_count() or 1, settings.driver_bytes // HEAP_OF_WARM_JOB))
    free = psutil.virtual_memory().total - MEMORY_BESIDE_SPARK
    held = free // (settings.driver_bytes + BESIDE_DRIVER)
    return max(1, min(held, (os.cpu_count() or 1) // 2))


def _start_cache(settings: Settings) -> StartCache:
    return StartCache(settings.java, ensure_java(settings), job_jars(settings))


def _conf(settings: Settings, start_cache_option: str) -> dict[str, str]:
    temporary = settings.home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    options = f"{JAVA_OPTIONS} -Djava.io.tmpdir={temporary} {start_cache_option}"
    jars = ":".join(str(path) for path in job_jars(settings))
    return {
        **CONF,
        **(_cluster_conf(settings, jars, start_cache_option) if settings.is_cluster else LOCAL),
        **(_s3_conf(temporary) if "s3" in job_groups(settings) else {}),
        "spark.driver.host": _driver_host(settings),
        "spark.driver.bindAddress": settings.listen,
        "spark.driver.extraClassPath": jars,
        "spark.driver.extraJavaOptions": options.strip(),
        "spark.local.dir": str(temporary),
        "spark.sql.warehouse.dir": str(temporary / "warehouse"),
    }


def _cluster_conf(settings: Settings, jars: str, start_cache_option: str) -> dict[str, str]:
    """What executors are told; they have the same files at the same places as the driver."""
    return {
        # Hadoop makes some folders of Delta's with a mode of its own.
        "spark.hadoop.fs.permissions.umask-mode": f"{CLUSTER_UMASK:03o}",
        "spark.executor.memory": settings.executor_memory,
        "spark.executor.extraClassPath": jars,
        "spark.executor.extraJavaOptions": f"{JAVA_OPTIONS} {start_cache_option}".strip(),
    }


def _s3_conf(temporary: Path) -> dict[str, str]:
    """Where objects wait to be uploaded, and how buckets are addressed.

    Endpoint and keys are no part of the conf, which is shown and logged: Spark takes them from the
    environment of its driver, and hands them to executors itself.
    """
    region = os.environ.get("AWS_REGION")
    return {
        "spark.hadoop.fs.s3a.buffer.dir": str(temporary),
        # Only Amazon's own servers are sure to have a name for each bucket.
        "spark.hadoop.fs.s3a.path.style.access": str("AWS_ENDPOINT_URL" in os.environ).lower(),
        **({"spark.hadoop.fs.s3a.endpoint.region": region} if region else {}),
    }


def _driver_host(settings: Settings) -> str:
    """The name under which executors reach this machine."""
    return LOOPBACK if settings.listen == LOOPBACK else socket.gethostname()

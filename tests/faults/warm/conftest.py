"""A warm Spark for the tests of this folder, and a pipeline of each test's own on it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.batch.plan import Plan
from assay.generate.truth import Truth
from assay.settings import load_settings
from assay.spark_runtime.conf import prepare_spark
from builders.attempts import Attempts
from builders.deliveries import deliver
from builders.warm_spark import WarmSpark, warm_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmSpark]:
    shared = load_settings()
    prepare_spark(shared, print)
    home = Path(tempfile.mkdtemp(prefix="assay-warm-"))
    for part in ("jars", "java"):
        (home / part).symlink_to(shared.home / part)
    with warm_spark(load_settings({"ASSAY_HOME": str(home), "ASSAY_DRIVER_MEMORY": "1g"})) as spark:
        yield spark
    shutil.rmtree(home)


@pytest.fixture
def attempts(warm: WarmSpark, spark: SparkSession, database: Database) -> Iterator[Attempts]:
    for part in ("landing", "lake", "accepted", "batches", "locks"):
        shutil.rmtree(warm.settings.home / part, ignore_errors=True)
    pipeline = Attempts(warm.settings, database.uri(), spark)
    yield pipeline
    pipeline.end_all()


@pytest.fixture
def plan(attempts: Attempts, trade_files: Truth) -> Plan:
    """A batch that is ready for its first stage."""
    deliver(attempts.settings.landing / "trades", sorted(trade_files.options.out.iterdir()))
    return attempts.accept("first")

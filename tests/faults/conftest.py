"""A pipeline of each test's own, with real processes, a real lake and a real ledger."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.generate.truth import Truth
from assay.settings import load_settings
from assay.spark_runtime.conf import prepare_spark
from builders.attempts import Attempts
from builders.deliveries import make_set

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database


@pytest.fixture(scope="session")
def trade_files(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Three files with every kind of record."""
    return make_set(
        tmp_path_factory.mktemp("trade-files"),
        files=3,
        rows=200,
        defects=0.1,
        duplicates=0.05,
        updates=0.1,
        late=0.1,
        seed=3,
    )


@pytest.fixture
def attempts(spark: SparkSession, database: Database) -> Iterator[Attempts]:
    shared = load_settings()
    prepare_spark(shared, print)
    home = Path(tempfile.mkdtemp(prefix="assay-faults-"))
    for part in ("jars", "java"):
        (home / part).symlink_to(shared.home / part)
    classic = {"ASSAY_DRIVER_MEMORY": "1g", "ASSAY_SPARK_MASTER": "local[2]"}
    settings = load_settings({"ASSAY_HOME": str(home), **classic})
    pipeline = Attempts(settings, database.uri(), spark)
    yield pipeline
    pipeline.end_all()
    shutil.rmtree(home)

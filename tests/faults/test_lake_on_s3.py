"""A batch on a lake on S3: killed in its commit it ends as if undisturbed, and nothing else counts.

Delivered files are on S3 as well.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.generate.truth import Truth
from assay.intake.archive import archive_files
from assay.settings import load_settings
from assay.spark_runtime.jars import ensure_jars
from assay.storage.addresses import ObjectPath
from assay.storage.objects import put
from builders.attempts import Attempts
from builders.content import SILVER, delta_version, hash_delta, hash_postgres, read_delta
from builders.object_server import KEYS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database


@pytest.fixture
def on_s3(spark: SparkSession, database: Database, bucket: ObjectPath) -> Iterator[Attempts]:
    home = Path(tempfile.mkdtemp(prefix="assay-s3-"))
    (home / "jars").symlink_to(load_settings().jars)
    here = {"ASSAY_HOME": str(home), "ASSAY_SPARK_MASTER": "local[2]", "ASSAY_DRIVER_MEMORY": "1g"}
    there = {"ASSAY_LAKE": str(bucket / "lake"), "ASSAY_FILES": str(bucket / "files")}
    settings = load_settings({**here, **there})
    ensure_jars(settings, print, "s3")
    pipeline = Attempts(settings, database.uri(), spark)
    yield pipeline
    pipeline.end_all()
    shutil.rmtree(home)


@pytest.mark.long
def test_a_batch_killed_in_its_commit_ends_as_if_undisturbed(
    on_s3: Attempts, trade_files: Truth
) -> None:
    lake = on_s3.settings.lake
    folder = trade_files.options.out
    for file in trade_files.files:
        put(on_s3.settings.landing / "trades" / file.name, folder / file.name)
    plan = on_s3.accept("first")
    victim = on_s3.start_chain(plan, failpoint="after silver.trades:kill")
    assert victim.wait(300) != 0
    version = delta_version(lake, "silver.trades")
    assert hash_delta(lake, SILVER) == trade_files.content_hash
    assert delta_version(lake, "gold.customer_exposure") == -1

    on_s3.stage(plan)
    epoch = on_s3.take_epoch()
    resumed = on_s3.start(plan, "commit", epoch)
    assert resumed.wait(300) == 0, resumed.last_words()
    assert delta_version(lake, "silver.trades") == version, "what was committed is left alone"
    on_s3.record_commit(plan, epoch)
    (release,) = on_s3.publish()
    assert release.versions["silver.trades"] == version
    with on_s3.connect() as connection:
        assert hash_postgres(connection, SILVER, SILVER.serving) == trade_files.content_hash
    assert read_delta(lake, "quarantine.trades").num_rows == trade_files.quarantined
    with on_s3.connect() as connection:
        assert archive_files(on_s3.settings, connection, plan) == len(trade_files.files)
    assert on_s3.violations() == []
    logs = "".join(path.read_text() for path in on_s3.settings.logs.glob("*.log"))
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in logs
    assert not on_s3.accept("second").has_work

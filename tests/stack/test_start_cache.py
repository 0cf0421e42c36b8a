"""The start-up cache belongs to one Java, one Spark and one list of JARs, and never stops a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assay.settings import Settings
from assay.spark_runtime import start_cache
from assay.spark_runtime.conf import (
    ensure_start_cache,
    prepare_spark,
    spark_environment,
    submit_conf,
)
from assay.spark_runtime.java import Java, ensure_java
from assay.spark_runtime.start_cache import StartCache


@pytest.fixture
def cache(settings: Settings, tmp_path: Path) -> StartCache:
    jar = tmp_path / "a.jar"
    jar.write_text("1")
    return StartCache(settings.home / "java", ensure_java(settings, {}), [jar])


def test_is_not_used_before_it_is_built(cache: StartCache) -> None:
    assert cache.use_option == ""
    cache.path.write_text("cache")
    assert f"-XX:AOTCache={cache.path}" in cache.use_option


def test_another_jar_or_java_means_another_cache(cache: StartCache) -> None:
    before = cache.path
    cache.jars[0].write_text("22")
    after = cache.path
    assert before != after
    other = StartCache(cache.folder, Java(cache.java.home, "17.0.1"), cache.jars)
    assert other.path.suffix == ".jsa"
    assert "-XX:ArchiveClassesAtExit=" in other.record_option


def test_a_failed_training_is_reported_and_done_without(
    spark_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tmp_path / "job.py"
    job.write_text("raise ValueError('no training today')\n")
    monkeypatch.setattr(start_cache, "TRAINING_JOB", job)
    java = spark_settings.home / "java"
    java.unlink()  # the shared cache stays as it is
    said: list[str] = []
    ensure_start_cache(spark_settings, said.append)
    assert "no training today" in said[-1]
    assert "jobs start slower" in said[-1]
    assert "AOTCache" not in submit_conf(spark_settings)["spark.driver.extraJavaOptions"]


def test_jobs_of_a_classic_master_use_the_cache_that_the_training_left(
    spark_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one server for all jobs is not worth it."""
    job = tmp_path / "job.py"
    job.write_text("print('trained')\n")  # what it loads decides how large the cache is
    monkeypatch.setattr(start_cache, "TRAINING_JOB", job)
    java = spark_settings.home / "java"
    java.unlink()
    said: list[str] = []
    prepare_spark(spark_settings, said.append)
    assert said == []
    prepare_spark(replace(spark_settings, spark_master="local[2]"), said.append)
    assert said[-1].startswith("start-up cache ready after ")
    options = submit_conf(spark_settings)["spark.driver.extraJavaOptions"]
    assert f"-XX:AOTCache={java}/start-" in options
    assert "-Duser.timezone=UTC" in options
    assert Path(spark_environment(spark_settings)["JAVA_HOME"], "bin", "java").is_file()

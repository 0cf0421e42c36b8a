"""Loaded lakes for the tests of the stages: made once, read by many, changed by none."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from assay.batch.plan import Plan
from assay.generate.options import SetOptions
from assay.generate.truth import Truth
from assay.generate.write import generate
from builders.batches import LOAD, STAGES, Lake


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """4 files of 300 records: updates, late versions, duplicates and every kind of bad record."""
    out = tmp_path_factory.mktemp("generated") / "landing"
    shares = {"defects": 0.05, "duplicates": 0.05, "updates": 0.1, "late": 0.1}
    options = SetOptions(out=out, files=4, rows=300, customers=10, days=3, gzip_every=4, **shares)
    return generate("trades", options)


@pytest.fixture(scope="session")
def files(truth: Truth) -> list[Path]:
    return [truth.options.out / file.name for file in truth.files]


@pytest.fixture(scope="session")
def later(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A file of other trades."""
    out = tmp_path_factory.mktemp("later") / "landing"
    made = generate("trades", SetOptions(out=out, files=1, rows=40, customers=10, days=3, seed=8))
    return [out / file.name for file in made.files]


@pytest.fixture(scope="session")
def loaded(
    spark: SparkSession, files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lake, Plan]:
    """All files as one batch, through every stage. Tests that use it must not change it."""
    lake = Lake(spark, tmp_path_factory.mktemp("loaded"))
    plan = lake.plan("all", files)
    lake.run(plan, *STAGES)
    return lake, plan


@pytest.fixture(scope="session")
def grown(
    spark: SparkSession, files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lake, Plan]:
    """The same files as two batches, the later ones first; the second through every stage."""
    lake = Lake(spark, tmp_path_factory.mktemp("grown"))
    lake.run(lake.plan("b1", files[2:]), *LOAD)
    plan = lake.plan("b2", files[:2])
    lake.run(plan, *STAGES)
    return lake, plan


@pytest.fixture
def again(loaded: tuple[Lake, Plan], tmp_path: Path) -> tuple[Lake, Plan]:
    """Further attempts at the loaded batch; what they hand on is the test's own."""
    lake, plan = loaded
    folder = tmp_path / "batch"
    shutil.copytree(plan.folder, folder)
    return Lake(lake.spark, lake.home, lake.epoch), replace(plan, folder=str(folder))

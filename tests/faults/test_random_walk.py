"""Random sequences of what can happen to a pipeline; a failing one prints itself as a test.

`ASSAY_WALK_SECONDS` says how long to walk (default 40), `ASSAY_WALK_SEED` from where; each walk has
ten steps, and ends with the documented ways out of wherever it has led.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from assay.settings import load_settings
from builders.attempts import Attempts
from builders.random_walk import Walk

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database

STEPS = 10


@pytest.fixture
def walk(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Walk:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    attempts = Attempts(load_settings(), database.uri(), spark, pipeline="mutual_funds")
    return Walk(attempts)


def test_whatever_happens_the_books_hold_and_there_is_a_way_out(walk: Walk) -> None:
    seconds = float(os.environ.get("ASSAY_WALK_SECONDS", "40"))
    seed = int(os.environ.get("ASSAY_WALK_SEED", "1"))
    until = time.monotonic() + seconds
    random = Random(seed)  # noqa: S311  # to be repeated, not to be secret
    while time.monotonic() < until:
        walk.step("deliver", 0, 1)
        for _ in range(STEPS):
            walk.random_step(random)
            if time.monotonic() > until:
                break
        walk.step("recover")
        walk.step("run")

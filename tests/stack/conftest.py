"""A home of the stack of each test's own; the JARs and Java are shared."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.settings import REPOSITORY, Settings, load_settings
from assay.spark_runtime.conf import prepare_spark


@pytest.fixture
def settings() -> Iterator[Settings]:
    """An empty home, in a folder that the OS user of Postgres may enter."""
    home = Path(tempfile.mkdtemp(prefix="assay-"))
    home.chmod(0o755)
    yield load_settings({"ASSAY_HOME": str(home)})
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def spark_parts() -> Path:
    """A home that has all that Spark needs."""
    home = os.environ.get("ASSAY_HOME") or str(REPOSITORY / ".assay")
    shared = load_settings({"ASSAY_HOME": home})
    prepare_spark(shared, print)
    return shared.home


@pytest.fixture
def spark_settings(settings: Settings, spark_parts: Path) -> Settings:
    """A home of the test's own with those parts in it."""
    for part in ("jars", "java"):
        (settings.home / part).symlink_to(spark_parts / part)
    return settings

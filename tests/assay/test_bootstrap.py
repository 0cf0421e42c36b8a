"""The bootstrap makes the environment once, from the lock file, and explains what fails."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay import bootstrap
from assay.settings import REPOSITORY

# What the editable install needs to build, and uv itself: enough of the real lock file.
FEW = ("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers", "uv")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a short lock file."""
    lock = ""
    for name in FEW:
        lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
        start = next(n for n, line in enumerate(lines) if line.startswith(f"{name}=="))
        lock += lines[start] + "\n"
        for line in lines[start + 1 :]:
            if not line.startswith("    --hash"):
                break
            lock += line + "\n"
    (tmp_path / "requirements.txt").write_text(lock)
    (tmp_path / "requirements-dev.txt").write_text(lock)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for folder in ("include/assay", "include/spark_jobs", "plugins/assay_airflow"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "__init__.py").touch()
    shutil.copy(REPOSITORY / "include/assay/bootstrap.py", tmp_path / "include/assay")
    return tmp_path


def run_python(checkout: Path, code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    script = str(checkout / "include/assay/bootstrap.py")
    base = Path(sys.base_prefix) / "bin" / "python3"
    return subprocess.run(
        [base, "-I", script, "--exec", "python", "--", "-c", code],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_is_parsed_by_the_pythons_that_it_refuses() -> None:
    source = (REPOSITORY / "include/assay/bootstrap.py").read_text()
    ast.parse(source, feature_version=(3, 6))


def test_refuses_another_python_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    with pytest.raises(bootstrap.BootstrapError, match="run make PYTHON="):
        bootstrap.check_python()


@pytest.mark.long
def test_makes_the_environment_once_and_remakes_a_half_made_one(checkout: Path) -> None:
    code = "import sys, assay; print(sys.prefix)"
    first = run_python(checkout, code)
    assert first.stdout.strip() == str(checkout / ".venv"), first.stderr
    assert "environment ready" in first.stderr

    started = time.monotonic()
    second = run_python(checkout, code)
    assert time.monotonic() - started < 2
    assert second.stderr == ""

    (checkout / ".venv/.assay-stamp").unlink()
    (checkout / ".venv/left-over").touch()
    third = run_python(checkout, code)
    assert "half-made" in third.stderr
    assert not (checkout / ".venv/left-over").exists()


@pytest.mark.long
def test_lets_byte_code_be_written(checkout: Path) -> None:
    code = "import os; print('PYTHONDONTWRITEBYTECODE' in os.environ)"
    assert run_python(checkout, code, PYTHONDONTWRITEBYTECODE="1").stdout.strip() == "False"


def test_a_package_that_differs_from_the_lock_is_refused_in_one_line(checkout: Path) -> None:
    lock = checkout / "requirements.txt"
    lines = lock.read_text().splitlines()
    forged = [line if "--hash" not in line else f"    --hash=sha256:{'0' * 64}" for line in lines]
    lock.write_text("\n".join(line.rstrip("\\ ") if "--hash" in line else line for line in forged))
    done = run_python(checkout, "pass")
    assert done.returncode == 1
    assert "failed" in done.stderr.splitlines()[-1]
    assert not (checkout / ".venv/.assay-stamp").exists()


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        ("error: failed to write\nNo space left on device (os error 28)", "free 4 GB"),
        ("error: Failed to fetch\n  cause: Connection refused (os error 111)", "check network"),
        ("The virtual environment was not created: ensurepip is not available", "python3-venv"),
        ("ERROR: something else entirely", "something else entirely"),
    ],
)
def test_explains_a_failed_step_by_its_remedy(output: str, remedy: str) -> None:
    assert remedy in bootstrap.explain(output)
    assert "\n" not in bootstrap.explain(output)

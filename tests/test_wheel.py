"""The wheel works where there is no checkout: contracts, pipelines and SQL come with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from assay.batch.rules import rules_version
from assay.contracts.load import all_contracts
from assay.contracts.model import Layer
from assay.contracts.pipelines import all_pipelines
from assay.generate.recipes import generated_datasets
from assay.serving.migrations import DDL
from assay.settings import REPOSITORY

TELL = """
import json, pathlib
import assay.settings
from assay.contracts.load import all_contracts
from assay.generate.recipes import generated_datasets, recipe_of
from assay.serving.migrations import DDL
from assay.contracts.pipelines import all_pipelines
from assay.batch.rules import rules_version
layers = ("bronze", "silver", "gold")
print(json.dumps({
    "code": str(pathlib.Path(assay.settings.__file__)),
    "home": str(assay.settings.load_settings({}).home),
    "versions": {c.table: c.version for layer in layers for c in all_contracts(layer)},
    "pipelines": [*all_pipelines()],
    "migrations": sorted(path.name for path in DDL.glob("*.sql")),
    "rules": rules_version(["trades"]),
    "generators": [recipe_of(dataset).dataset for dataset in generated_datasets()],
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs, and nothing else of this repository."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "installed"
    install = ["pip", "install", "--no-deps", "--offline", "--quiet", "--target", str(target)]
    uv = [sys.executable, "-m", "uv", *install, "--python", sys.executable, str(wheel)]
    subprocess.run(uv, check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def told(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the installed code says of itself, run in an empty folder."""
    run = subprocess.run(
        [sys.executable, "-c", TELL],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
        text=True,
    )
    return {"installed": str(installed), **json.loads(run.stdout)}


def test_what_is_installed_is_what_runs(told: dict[str, Any]) -> None:
    assert told["code"].startswith(told["installed"])
    assert "/elsewhere" in told["home"], "nobody looks for state among installed packages"


def test_contracts_and_pipelines_come_with_the_wheel(told: dict[str, Any]) -> None:
    contracts = [c for layer in get_args(Layer) for c in all_contracts(layer)]
    assert told["versions"] == {contract.table: contract.version for contract in contracts}
    assert told["pipelines"] == [*all_pipelines()]
    assert told["rules"] == rules_version(["trades"])


def test_generators_come_with_the_wheel_and_what_is_for_tests_does_not(
    told: dict[str, Any],
) -> None:
    assert told["generators"] == generated_datasets()
    assert told["generators"]
    assert [*Path(told["installed"]).glob("datasets/*/s*")] == []


def test_migrations_come_with_the_wheel(told: dict[str, Any]) -> None:
    assert told["migrations"] == sorted(path.name for path in DDL.glob("*.sql"))
    assert told["migrations"]

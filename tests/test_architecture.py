"""Who may import whom, which names are banned, and where a table may be written."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.settings import CONTRACTS, REPOSITORY, SPARK_JOBS

PYTHON = [
    path
    for folder in ("dags", "plugins", "include")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
]
# folder → what no module in it may import at module level, and nowhere at all
BANNED_AT_TOP: dict[str, tuple[str, ...]] = {
    "dags": ("pyspark", "delta", "great_expectations", "pandas", "psycopg", "spark_jobs"),
    "plugins": ("pyspark", "delta", "great_expectations", "pandas", "deltalake", "pyarrow"),
    "include/assay": ("airflow", "pyspark", "delta", "great_expectations", "spark_jobs"),
}
BANNED_EVERYWHERE: dict[str, tuple[str, ...]] = {
    "dags": ("assay",),
    "plugins": ("pyspark", "delta", "great_expectations", "spark_jobs", "dags"),
    "include/assay": ("airflow", "assay_airflow", "dags"),
    "include/spark_jobs": ("airflow", "assay_airflow", "dags", "psycopg"),
    "include/spark_jobs/lakehouse": ("spark_jobs.transformations", "great_expectations"),
    "include/spark_jobs/transformations": (
        "delta",
        "deltalake",
        "great_expectations",
        "psycopg",
        "os",
        "datetime",
        "time",
        "pathlib",
        "spark_jobs.lakehouse",
    ),
}
# The baselines of the benchmarks are programs for spark-submit, no part of the chain.
EXEMPT = ("include/assay/bench/programs",)
BANNED_NAMES = {"utils", "util", "helper", "helpers", "manager", "processor", "common", "misc"}
LARGEST_DAG_FILE, LARGEST_README = 40, 150


def imports(path: Path, *, top_only: bool) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def offences(rules: dict[str, tuple[str, ...]], *, top_only: bool) -> list[str]:
    found = []
    for path in PYTHON:
        place = path.relative_to(REPOSITORY).as_posix()
        if place.startswith(EXEMPT):
            continue
        banned = [name for folder, names in rules.items() if is_in(place, folder) for name in names]
        for imported in imports(path, top_only=top_only):
            if any(imported == name or imported.startswith(f"{name}.") for name in banned):
                found.append(f"{place} imports {imported}")
    return found


def is_in(place: str, folder: str) -> bool:
    return place.startswith(f"{folder}/")


def test_modules_import_only_what_their_layer_may() -> None:
    assert offences(BANNED_EVERYWHERE, top_only=False) == []
    assert offences(BANNED_AT_TOP, top_only=True) == []


def test_the_rules_find_an_offence(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("def f():\n    from pyspark.sql import functions\n")
    assert list(imports(path, top_only=False)) == ["pyspark.sql"]
    assert list(imports(path, top_only=True)) == []


def test_only_the_lakehouse_writes_delta() -> None:
    for path in sorted(SPARK_JOBS.rglob("*.py")):
        place = path.relative_to(SPARK_JOBS).as_posix()
        text = path.read_text()
        if not place.startswith("lakehouse/") and place != "train_start_cache.py":
            assert 'format("delta")' not in text, place
            assert "MERGE INTO" not in text, place


def test_no_module_has_a_banned_or_shadowing_name() -> None:
    assert [p for p in PYTHON if p.stem in BANNED_NAMES or p.parent.name in BANNED_NAMES] == []
    # spark-submit puts the folder of the script first on the path.
    beside_a_script = {path.stem for path in SPARK_JOBS.iterdir() if path.suffix == ".py"}
    assert beside_a_script & (sys.stdlib_module_names | {"delta", "pyspark", "airflow"}) == set()


@pytest.mark.parametrize("path", sorted(CONTRACTS.glob("*/*.yaml")), ids=lambda p: p.stem)
def test_every_contract_has_its_module_and_its_test(path: Path) -> None:
    layer, stem = path.parent.name, path.stem
    if layer == "bronze":
        assert (CONTRACTS / "silver" / path.name).is_file()
        return
    module = Path("spark_jobs") / "transformations" / layer / f"{stem}.py"
    assert (REPOSITORY / "include" / module).is_file()
    assert (REPOSITORY / "tests" / module.with_name(f"test_{stem}.py")).is_file()
    assert f"{stem}" in (REPOSITORY / "docs" / "datasets.md").read_text()


def test_every_silver_table_has_a_scenario() -> None:
    for path in (CONTRACTS / "silver").glob("*.yaml"):
        assert any((REPOSITORY / "tests" / "scenarios" / "silver" / path.stem).iterdir())


def test_dag_files_and_readme_stay_short() -> None:
    for path in (REPOSITORY / "dags").glob("*.py"):
        assert len(path.read_text().splitlines()) <= LARGEST_DAG_FILE, path.name
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= LARGEST_README


def test_no_registry_is_named_in_the_repository() -> None:
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "repo1" + ".maven", "maven" + ".org")
    tracked = subprocess.run(
        ["git", "grep", "-lE", "|".join(host.replace(".", r"\.") for host in hosts)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode not in (0, 1):
        pytest.skip("not a git checkout")
    assert tracked.stdout.splitlines() == []

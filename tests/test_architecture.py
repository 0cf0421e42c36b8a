"""Who may import whom, which names are banned, and where a table may be written."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from assay.settings import CODE, GOLD, JOB_PROGRAMS, REPOSITORY, SPARK_JOBS

ASSAY = CODE / "assay"
PYTHON = [
    path
    for folder in ("dags", "plugins", "include")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
]
STEPS = ("spark_jobs.stages", "spark_jobs.gates", "spark_jobs.chain", "spark_jobs.programs")
# folder → what no module in it may import at module level, and nowhere at all
BANNED_AT_TOP: dict[str, tuple[str, ...]] = {
    "plugins": ("pyspark", "delta", "great_expectations", "pandas", "deltalake", "pyarrow"),
    "include/assay": ("airflow", "pyspark", "delta", "great_expectations", "spark_jobs"),
    "include/assay_stack": ("airflow", "pyspark", "delta", "great_expectations", "spark_jobs"),
}
BANNED_EVERYWHERE: dict[str, tuple[str, ...]] = {
    "plugins": ("pyspark", "delta", "great_expectations", "spark_jobs", "dags", "assay_stack"),
    "include/assay": ("airflow", "assay_airflow", "dags", "gold"),
    "include/assay_stack": ("airflow", "assay_airflow", "dags", "gold", "spark_jobs"),
    "include/assay/verify": (
        "assay.batch",
        "assay.intake",
        "assay.quarantine",
        "assay.publish",
        "assay.ledger",
        "assay.operations",
        "spark_jobs",
    ),
    "include/spark_jobs": ("airflow", "assay_airflow", "dags", "psycopg", "assay_stack"),
    # who starts imports who acts, and that imports what it acts on; never the other way round
    "include/spark_jobs/lakehouse": (
        "spark_jobs.transformations",
        "spark_jobs.inputs",
        "great_expectations",
        *STEPS,
    ),
    "include/spark_jobs/inputs": ("great_expectations", *STEPS),
    "include/spark_jobs/stages": (
        "great_expectations",
        "spark_jobs.gates",
        "spark_jobs.chain",
        "spark_jobs.programs",
    ),
    "include/spark_jobs/streams": (
        "great_expectations",
        "spark_jobs.gates",
        "spark_jobs.chain",
        "spark_jobs.programs",
    ),
    "include/spark_jobs/gates": ("spark_jobs.stages", "spark_jobs.chain", "spark_jobs.programs"),
}
# folder → all that its modules may import
PURE = (
    "__future__.",
    "collections.abc.",
    "dataclasses.",
    "decimal.",
    "functools.",
    "operator.",
    "pyspark.sql.",
    "assay.contracts.columns.",
    "assay.contracts.date_formats.",
    "assay.contracts.dialect.",
    "assay.contracts.model.",
    "spark_jobs.transformations.",
)
ALLOWED: dict[str, tuple[str, ...]] = {
    "dags": ("__future__.", "airflow.sdk.", "assay_airflow."),
    "include/spark_jobs/transformations": PURE,
    "include/gold": PURE,
    "include/datasets": ("__future__.", "collections.abc.", "assay.generate."),
}
# The baselines of the benchmarks are programs for spark-submit, no part of the chain.
EXEMPT = ("include/assay/bench/programs",)
# room of `assay` → the other rooms that it may import; what lies at the top, and `events`, each may
ROOMS: dict[str, set[str]] = {
    "events": set(),
    "storage": set(),
    "contracts": set(),
    "airflow_ui": set(),
    "home": {"storage"},
    "kafka": {"home", "storage"},
    "produce": {"generate", "kafka", "storage"},
    "airflow_client": {"airflow_ui", "home"},
    "spark_runtime": {"home", "storage"},
    "batch": {"airflow_ui", "contracts", "storage"},
    "ledger": {"batch"},
    "serving": {"contracts", "ledger"},
    "intake": {"batch", "contracts", "ledger", "quarantine", "spark_runtime", "storage"},
    "quarantine": {"batch", "contracts", "intake", "ledger", "storage"},
    "streams": {"batch", "contracts", "intake", "kafka", "ledger", "serving", "storage"},
    "publish": {"batch", "contracts", "intake", "ledger", "quarantine", "serving"},
    "gateway": {"batch", "contracts", "home", "intake", "kafka", "ledger", "storage", "streams"},
    "maintenance": {"batch", "contracts", "intake", "ledger", "storage"},
}
# What lies at the top of `assay`, since rooms of every kind use it, or it is run before all else.
AT_TOP = {
    *("__init__.py", "bootstrap.py"),
    *("environment.py", "errors.py", "failpoints.py", "settings.py", "words.py"),
}
# What asks the books in SQL. The auditor has its own SQL, so that it proves that of the ledger.
OPS = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|USING|SELECT|TABLE|EXISTS)\s+ops\.\w+")
MAY_ASK_OPS = ("ledger/", "verify/", "serving/migrations.py", "bench/publishing.py")
BANNED_NAMES = {"utils", "util", "helper", "helpers", "manager", "processor", "common", "misc"}
LARGEST_DAG_FILE, LARGEST_README = 40, 150


def imports(path: Path, *, top_only: bool) -> Iterator[str]:
    """Every imported name in full; at the top means outside functions and TYPE_CHECKING."""
    for node in _nodes(ast.parse(path.read_text()), top_only=top_only):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)


def _nodes(tree: ast.AST, *, top_only: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not (top_only and (is_function or is_typing)):
            yield node
            yield from _nodes(node, top_only=top_only)


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


def test_only_commands_start_the_stack() -> None:
    rooms = {
        path.relative_to(ASSAY).parts[0]
        for path in ASSAY.rglob("*.py")
        if any(name.startswith("assay_stack.") for name in imports(path, top_only=False))
    }
    assert rooms <= {"cli", "bench", "bootstrap.py"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_no_room_above_it(room: str) -> None:
    rooms = {path.name for path in ASSAY.iterdir() if path.is_dir()} - {room}
    imported = {
        name.split(".")[1]
        for path in (ASSAY / room).rglob("*.py")
        for name in imports(path, top_only=False)
        if name.startswith("assay.")
    }
    assert imported & rooms - {"events"} <= ROOMS[room]


def test_a_module_has_a_room_unless_rooms_of_every_kind_use_it() -> None:
    assert {path.name for path in ASSAY.glob("*.py")} == AT_TOP


def test_the_ledger_alone_asks_the_books() -> None:
    asking = {
        place
        for path in PYTHON
        if OPS.search(path.read_text())
        and not (place := path.relative_to(CODE).as_posix().removeprefix("assay/")).startswith(
            MAY_ASK_OPS
        )
    }
    assert asking == set()


def test_dags_and_transformations_import_nothing_but_what_they_are_made_of() -> None:
    for folder, allowed in ALLOWED.items():
        for path in (REPOSITORY / folder).rglob("*.py"):
            for name in imports(path, top_only=False):
                assert name.startswith(allowed), f"{path.relative_to(REPOSITORY)} imports {name}"


def test_transformations_ask_neither_clock_nor_chance() -> None:
    impure = r"\b(current_timestamp|current_date|now|rand|randn|uuid|monotonically_increasing_id)\("
    for path in (*(SPARK_JOBS / "transformations").rglob("*.py"), *GOLD.rglob("*.py")):
        assert not re.search(impure, path.read_text()), path.name


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(
        "if TYPE_CHECKING:\n    import delta\n"
        "try:\n    import airflow.sdk\nexcept ImportError:\n    pass\n"
        "def f():\n    from pyspark.sql import functions\n"
        "from spark_jobs import lakehouse\n"
    )
    at_top = ["airflow.sdk", "spark_jobs.lakehouse"]
    assert list(imports(path, top_only=True)) == at_top
    everywhere = ["delta", "airflow.sdk", "pyspark.sql.functions", "spark_jobs.lakehouse"]
    assert list(imports(path, top_only=False)) == everywhere


def test_only_the_lakehouse_writes_delta() -> None:
    for path in sorted(SPARK_JOBS.rglob("*.py")):
        place = path.relative_to(SPARK_JOBS).as_posix()
        text = path.read_text()
        if not place.startswith("lakehouse/") and place != "programs/train_start_cache.py":
            assert not re.search(r"""\.format\(["']delta|\.saveAsTable|insertInto""", text), place
            assert not re.search(r"MERGE INTO|\.mergeInto\(", text), place


def test_no_module_has_a_banned_or_shadowing_name() -> None:
    assert [p for p in PYTHON if p.stem in BANNED_NAMES or p.parent.name in BANNED_NAMES] == []
    # spark-submit puts the folder of the script first on the path.
    beside_a_script = {path.stem for path in JOB_PROGRAMS.iterdir()} - {"__init__", "__pycache__"}
    taken = sys.stdlib_module_names | packages_distributions().keys()
    assert beside_a_script & taken == set()


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

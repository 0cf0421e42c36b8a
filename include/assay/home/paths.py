"""Where the installed programs are, and the environment that our child processes start from."""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from assay.errors import StackError

BIN = Path(sys.prefix) / "bin"
# They would change which code runs, keep byte code from being written, or configure Airflow.
DROPPED = ("AIRFLOW", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "SPARK_CONF_DIR")
SECRETS = ("AIRFLOW_*", "AIRFLOW__*", "_AIRFLOW_*", "__AIRFLOW_*", "ASSAY_*PASSWORD*", "PG*")


def package_folder(package: str) -> Path:
    """The folder of an installed package, without importing it."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise StackError(f"the package {package} is not installed; remove .venv and run make again")
    return Path(found.origin).parent


SPARK_HOME = package_folder("pyspark")


def path_with_programs() -> str:
    """PATH with the programs of our virtual environment first."""
    others = [
        folder
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if folder != str(BIN)
    ]
    return os.pathsep.join([str(BIN), *others])


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Our environment with `extra` on top, for a program of our virtual environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    # Arrow's own pool keeps what it has freed, so memory would grow with the rows that pass it.
    arrow = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
    return {**kept, **arrow, "PATH": path_with_programs(), **extra}


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables that may hold a password or a token."""
    return {
        name: value
        for name, value in environ.items()
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in SECRETS)
    }

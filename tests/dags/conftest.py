"""The DAGs as Airflow parses them: no database, no scheduler."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.events.context import VARIABLE
from assay.events.sinks import Lines, sent_to
from assay.settings import REPOSITORY

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

# Airflow reads it when it is first imported: before any test module of this folder is.
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(REPOSITORY / "plugins")


@pytest.fixture(autouse=True)
def log_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A task binds what it is about to its process, and sends events to Airflow's log."""
    monkeypatch.setenv(VARIABLE, "")
    with sent_to(Lines()):
        yield


@pytest.fixture(scope="session")
def dag_bag(tmp_path_factory: pytest.TempPathFactory) -> DagBag:
    """Every DAG of the repository, parsed once."""
    os.environ.setdefault("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    plugins = str(Path(REPOSITORY) / "plugins")
    if plugins not in sys.path:
        sys.path.insert(0, plugins)
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(REPOSITORY / "dags"))

"""A run that needs a person says so in one sentence: last in the task's log, first in its note."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.home.paths import BIN
from assay.ledger import summary_of_run
from assay.settings import REPOSITORY

if TYPE_CHECKING:
    from conftest import Database

Airflow = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def airflow(database: Database, tmp_path: Path) -> Airflow:
    """Airflow's command line on the repository's DAGs, with a home of the test's own."""
    connection = {"conn_type": "postgres", "login": "assay_loader", "schema": database.name}
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW_CONN_ASSAY_POSTGRES": json.dumps({**connection, "host": database.host}),
        "ASSAY_HOME": str(tmp_path / "home"),
        "PYTHONPATH": f"{REPOSITORY / 'include'}:{REPOSITORY / 'plugins'}",
    }
    environment.pop("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", None)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "airflow", *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    migrated = run("db", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    return run


@pytest.mark.long
def test_task_that_needs_a_person_ends_with_one_sentence_and_no_traceback(
    airflow: Airflow, tmp_path: Path, database: Database
) -> None:
    asked = {"action": "abandon", "pipeline": "trades", "reason": "wrong feed"}
    done = airflow("dags", "test", "batch_actions", "--conf", json.dumps(asked))
    said = (done.stdout + done.stderr).splitlines()
    sentence = "name the batch; no batch of trades is open, so there is nothing to do"
    assert "Traceback" not in "\n".join(said)
    (at,) = [n for n, line in enumerate(said) if sentence in line]
    assert "[error" in said[at]
    assert "::endgroup::" in said[at - 1], "Airflow's page folds the sentence up"
    assert "::endgroup::" in said[at + 1], "the sentence is not the last line"
    with sqlite3.connect(tmp_path / "airflow.db") as metadata:
        ((run_id, state, tries),) = metadata.execute(
            "SELECT run_id, state, try_number FROM task_instance"
        ).fetchall()
    assert (state, tries) == ("failed", 1)
    with database.connect("assay_reader") as connection:
        assert summary_of_run(connection, "batch_actions", run_id) == f"FAILED: {sentence}"

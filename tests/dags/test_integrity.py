"""DAG files parse: without errors, quickly, and without importing anything heavy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from assay.contracts.pipelines import all_pipelines
from assay.settings import REPOSITORY
from assay.streams.names import can_stream, dag_of

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

HEAVY = (
    *("pyspark", "delta", "deltalake", "great_expectations", "pandas", "pyarrow", "duckdb"),
    *("psycopg", "adbc_driver_postgresql", "httpx", "obstore", "cryptography", "psutil"),
    *("assay.spark_runtime.conf", "assay.airflow_client.api", "assay.publish", "assay_stack"),
)
BUDGET_CPU_SECONDS = 2.0
PARSE = f"""
import sys, time
import airflow.sdk
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
before, began = set(sys.modules), time.process_time()
import runpy
for path in sys.argv[1:]:
    runpy.run_path(path)
spent = time.process_time() - began
heavy = sorted(set({HEAVY!r}) & (set(sys.modules) - before))
print(spent, *heavy)
"""


def test_every_dag_file_parses(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}
    files = {path.stem for path in (REPOSITORY / "dags").glob("*.py")}
    files -= {"other_pipelines", "streams"}
    streams = {dag_of(name) for name in all_pipelines() if can_stream(name)}
    assert streams
    assert set(dag_bag.dags) == files | {*all_pipelines()} | streams


def test_parsing_is_quick_and_imports_nothing_heavy(tmp_path: Path) -> None:
    files = [str(path) for path in (REPOSITORY / "dags").glob("*.py")]
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PARSE, *files],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, *heavy = done.stdout.splitlines()[-1].split()
    assert heavy == []
    assert float(seconds) < BUDGET_CPU_SECONDS * len(files)

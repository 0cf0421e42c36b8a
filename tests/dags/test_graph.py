"""The task graph of every DAG, as a golden file: `make golden` writes it again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay.settings import REPOSITORY

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

GRAPHS = Path(__file__).parent / "graphs"
DAG_FILES = {path.stem for path in (REPOSITORY / "dags").glob("*.py")}
DAG_IDS = sorted(DAG_FILES - {"other_pipelines", "streams"})


def graph_of(dag: Any) -> dict[str, Any]:
    return {
        task.task_id: {
            "operator": type(task).__name__,
            "group": task.task_group.group_id,
            "downstream": sorted(task.downstream_task_ids),
        }
        for task in dag.topological_sort()
    }


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_graph_is_the_golden_one(dag_bag: DagBag, dag_id: str) -> None:
    found = graph_of(dag_bag.dags[dag_id])
    golden = GRAPHS / f"{dag_id}.json"
    if os.environ.get("ASSAY_WRITE_GOLDEN"):
        golden.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(golden.read_text())
    assert list(found) == list(json.loads(golden.read_text())), "the tasks run in another order"


def test_every_golden_file_has_its_dag() -> None:
    assert sorted(path.stem for path in GRAPHS.glob("*.json")) == DAG_IDS

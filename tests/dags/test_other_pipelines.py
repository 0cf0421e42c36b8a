"""A pipeline without a file of its own has a DAG like any other; its contract tells the manual."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.airflow_client.dags_folder import dag_file
from assay.contracts.pipelines import all_pipelines
from assay.profile.given import Given
from assay.profile.home import write_dataset
from assay.profile.proposal import propose
from builders.running_stack import STAGES
from builders.sample_files import european_csv

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.usefixtures("dag_bag")  # which gives Airflow a home for the tests


@pytest.fixture
def proposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagBag]:
    """The DAGs of the file, beside a folder with one dataset."""
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("ASSAY_DATASETS", str(tmp_path))
    given = Given(owner="accounts")
    write_dataset(propose("kunden", [european_csv(tmp_path)], given), "kunden", "5 4 * * *", [])
    all_pipelines.cache_clear()
    yield DagBag(dag_folder=str(dag_file("other_pipelines")))
    all_pipelines.cache_clear()


def test_its_dag_has_owner_schedule_tags_and_the_tasks_of_every_other(proposed: DagBag) -> None:
    assert proposed.import_errors == {}
    (dag,) = proposed.dags.values()
    assert dag.dag_id == "kunden"
    assert {task.owner for task in dag.tasks} == {"accounts"}
    assert dag.schedule == "5 4 * * *"
    assert {"medallion", "kunden", "from-landing"} <= set(dag.tags)
    assert {task.task_id for task in dag.tasks} == {*STAGES}


def test_its_manual_says_what_it_takes_where_to_look_and_what_to_do(proposed: DagBag) -> None:
    manual = str(proposed.dags["kunden"].doc_md)
    for told in ("`*.csv`", "`landing/kunden/`", "`serving.kunden`", "batch_actions", "accounts"):
        assert told in manual


def test_a_pipeline_with_a_file_has_its_dag_from_there_alone(proposed: DagBag) -> None:
    assert "trades" in all_pipelines()
    assert "trades" not in proposed.dags

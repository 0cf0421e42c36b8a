"""What every DAG of ours must be: owned, documented, retried with back-off, one run at a time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from assay.airflow_ui.task_docs import HEADINGS, OTHERS, STAGES, doc_of
from assay.batch.params import PARAM_SCHEMAS, resolve_params
from assay.contracts.pipelines import all_pipelines
from assay.operations.action_params import (
    MAINTENANCE_PARAMS,
    ROLLBACK_PARAMS,
    action_params,
    stream_action_params,
)
from assay.settings import REPOSITORY
from assay_airflow.dag_factory import SPARK_POOL

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

DAG_FILES = {path.stem for path in (REPOSITORY / "dags").glob("*.py")}
DAG_IDS = sorted(DAG_FILES - {"other_pipelines", "streams"})
NO_PIPELINES = {  # they bring no batch in
    "lakehouse_maintenance": ("maintenance", MAINTENANCE_PARAMS),
    "batch_actions": ("actions", action_params([])),
    "release_rollback": ("actions", ROLLBACK_PARAMS),
    "stream_actions": ("actions", stream_action_params([], [])),
}
STREAMS = ("ecommerce_events_stream", "finance_stream", "product_returns_stream", "trades_stream")
LONGEST_DESCRIPTION = 100
PIPELINES = [dag_id for dag_id in DAG_IDS if dag_id not in NO_PIPELINES]


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_dag_follows_the_policy(dag_bag: DagBag, dag_id: str) -> None:
    dag = dag_bag.dags[dag_id]
    assert dag.catchup is False
    assert dag.max_active_runs == 1
    assert dag.doc_md
    assert f"### {dag.description}\n" in dag.doc_md
    assert len(dag.description) <= LONGEST_DESCRIPTION
    tag, params = NO_PIPELINES.get(dag_id, ("medallion", PARAM_SCHEMAS))
    assert {tag, dag_id} <= set(dag.tags)
    assert set(dag.params) == set(params)


def test_actions_are_offered_for_every_pipeline_and_can_be_triggered_at_once(
    dag_bag: DagBag,
) -> None:
    dag = dag_bag.dags["batch_actions"]
    assert dag.params.get_param("pipeline").schema["enum"] == [None, *sorted(all_pipelines())]
    assert dag.is_paused_upon_creation is False
    assert dag.timetable.can_be_scheduled is False


@pytest.mark.parametrize(("name", "value"), [("action", "drop"), ("reason", "x"), ("file", "")])
def test_action_form_refuses_a_wrong_value(dag_bag: DagBag, name: str, value: str) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        dag_bag.dags["batch_actions"].params.get_param(name).resolve(value)


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_every_task_follows_the_policy(dag_bag: DagBag, dag_id: str) -> None:
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

    for task in dag_bag.dags[dag_id].tasks:
        assert task.owner not in ("", "airflow"), task.task_id
        assert re.findall(r"^- \*\*(.*):\*\* \S", task.doc_md, re.MULTILINE) == [*HEADINGS]
        assert task.retries == 2
        assert task.retry_exponential_backoff
        assert task.retry_delay > timedelta(0)
        assert task.execution_timeout is not None
        assert task.trigger_rule == "none_failed"
        if isinstance(task, SparkSubmitOperator):
            assert task.pool == SPARK_POOL, task.task_id
            assert task._conn_id == "assay_spark"


@pytest.mark.parametrize("dag_id", STREAMS)
def test_a_stream_runs_without_an_end_and_only_when_it_is_asked_for(
    dag_bag: DagBag, dag_id: str
) -> None:
    dag = dag_bag.dags[dag_id]
    (task,) = dag.tasks
    assert dag.is_paused_upon_creation is True
    assert dag.max_active_runs == 1
    assert type(dag.timetable).__name__ == "ContinuousTimetable"
    assert f"### {dag.description}\n" in dag.doc_md
    assert task.pool != SPARK_POOL, "it would keep a slot from the batches for ever"
    assert re.findall(r"^- \*\*(.*):\*\* \S", task.doc_md, re.MULTILINE) == [*HEADINGS]


def test_every_task_that_is_told_of_exists(dag_bag: DagBag) -> None:
    stages = {task.task_id for dag_id in PIPELINES for task in dag_bag.dags[dag_id].tasks}
    assert stages == {*STAGES}
    others = {
        (dag_id, task.task_id) for dag_id in NO_PIPELINES for task in dag_bag.dags[dag_id].tasks
    }
    others |= {(dag_id, "stream_bronze") for dag_id in STREAMS}
    assert {dag_id if task_id == "act" else task_id for dag_id, task_id in others} == {*OTHERS}
    with pytest.raises(KeyError):
        doc_of("trades", "dance")


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_dag_survives_serialisation(dag_bag: DagBag, dag_id: str) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    restored = DagSerialization.from_dict(DagSerialization.to_dict(dag_bag.dags[dag_id]))
    assert restored.task_ids == dag_bag.dags[dag_id].task_ids


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_date", "2026-13-01x"),
        ("landing_glob", "../elsewhere/*"),
        ("landing_glob", "/etc/*"),
        ("gate_policy", "lenient"),
        ("full_rebuild", "yes"),
        ("override_reason", "x" * 300),
        ("override_reason", "x"),
        ("quarantine_dataset", "shares"),
    ],
)
def test_trigger_form_refuses_a_wrong_value(dag_bag: DagBag, name: str, value: object) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        dag_bag.dags["trades"].params.get_param(name).resolve(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_date", None),
        ("batch_date", "2026-01-31"),
        ("landing_glob", "*2026-01*.csv"),
        ("landing_glob", "north/*..csv"),
        ("gate_policy", "override"),
        ("override_reason", None),
        ("override_reason", "a late correction"),
        ("quarantine_dataset", None),
        ("full_rebuild", True),
        ("dry_run", True),
    ],
)
def test_trigger_form_and_run_take_the_same_values(
    dag_bag: DagBag, name: str, value: object
) -> None:
    assert dag_bag.dags["trades"].params.get_param(name).resolve(value) == value
    reason = {"override_reason": "agreed"} if name == "gate_policy" else {}
    resolve_params({name: value, **reason})

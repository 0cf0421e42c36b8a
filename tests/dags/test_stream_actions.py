"""The task behind the form of streams: by what its fields say, and with a note of what was done."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from assay.ledger import summary_of_run
from assay.settings import load_settings
from builders.stream_slices import DATASET, record_file

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

    from conftest import Database


def run(dag_bag: DagBag, run_id: str, **params: Any) -> str:
    """As a form that was filled in, of which Airflow hands over every field."""
    (task,) = dag_bag.dags["stream_actions"].tasks
    dag_run = SimpleNamespace(
        dag_id="stream_actions",
        run_id=run_id,
        logical_date=None,
        run_after=datetime(2026, 1, 1, tzinfo=UTC),
        conf=params,
        triggering_user_name="ada",
    )
    filled_in = {"pipeline": None, "dataset": None, "slice": None, "reason": "a test", **params}
    instance = SimpleNamespace(task_id=task.task_id, try_number=1)
    context = {"dag_run": dag_run, "params": filled_in, "run_id": run_id, "ti": instance}
    return str(task.execute(context))  # type: ignore[arg-type]


def test_a_slice_is_rejected_by_the_form_and_what_is_wrong_is_said(
    dag_bag: DagBag, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay_airflow import attempts
    from assay_airflow.endings import NeedsPerson
    from assay_airflow.operators import actions

    for module in (attempts, actions):
        monkeypatch.setattr(module, "connect", lambda: database.connect(autocommit=True))
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    taken = record_file(load_settings(), database, ["a"])
    told = run(dag_bag, "one", action="reject", dataset=DATASET, slice="by_stream.csv")
    assert taken.slice_id in told
    with pytest.raises(NeedsPerson) as refused:
        run(dag_bag, "two", action="stop")
    assert refused.value.sentence.startswith("stop needs pipeline and nothing else")
    with database.connect(autocommit=True) as connection:
        (why,) = connection.execute("SELECT rejected FROM ops.stream_slice").fetchone() or ("",)
        assert summary_of_run(connection, "stream_actions", "one").startswith(told[:40])
    assert "ada" in why


def test_the_form_offers_what_has_streams(dag_bag: DagBag) -> None:
    params = dag_bag.dags["stream_actions"].params
    pipelines = params.get_param("pipeline").schema["enum"]
    assert "ecommerce_events" in pipelines
    assert "cross_dataset_gold" not in pipelines
    assert "stocks" in params.get_param("dataset").schema["enum"]

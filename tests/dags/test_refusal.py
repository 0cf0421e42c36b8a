"""O3: a run that is refused for its params says why where its note finds it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from assay import ledger

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

    from conftest import Database


@pytest.mark.parametrize(
    ("dag_id", "conf", "told"),
    [
        ("trades", {"gate_policy": "override"}, "override_reason=None: must be a text of 3"),
        ("trades", {"gate_polici": "strict"}, "'gate_polici' is not a param"),
        ("cross_dataset_gold", {"landing_glob": "a*"}, "a pipeline that takes no files"),
    ],
)
def test_refused_run_leaves_an_empty_batch_that_says_why(
    dag_bag: DagBag,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    dag_id: str,
    conf: dict[str, Any],
    told: str,
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from assay_airflow import attempts
    from assay_airflow.operators import files

    for module in (attempts, files):
        monkeypatch.setattr(module, "connect", lambda: database.connect(autocommit=True))
    task = dag_bag.dags[dag_id].topological_sort()[0]
    dag_run = SimpleNamespace(
        run_id="one",
        run_type=SimpleNamespace(value="manual"),
        logical_date=None,
        run_after=datetime(2026, 1, 1, tzinfo=UTC),
        conf=conf,
    )
    context = {
        "dag_run": dag_run,
        "params": {},
        "run_id": "one",
        "ti": SimpleNamespace(task_id=task.task_id, try_number=1),
    }
    with pytest.raises(AirflowFailException, match="the run is refused") as error:
        task.execute(context)  # type: ignore[arg-type]
    assert told in str(error.value)
    with database.connect() as connection:
        note = ledger.summary_of_run(connection, dag_id, "one")
        (state,) = connection.execute("SELECT state FROM ops.batch").fetchall()
        epochs = connection.execute("SELECT epoch FROM ops.pipeline_lease").fetchall()
    assert note.startswith("batch ")
    assert told in note
    assert (state, epochs) == (("EMPTY",), [])  # it fenced nobody

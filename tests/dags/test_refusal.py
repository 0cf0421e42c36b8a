"""O1, O3: a run that is refused, or takes nothing of what is there, says why in its note."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from assay import ledger
from builders.ledger_rows import start_batch

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

    from conftest import Database


def use(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay_airflow import attempts
    from assay_airflow.operators import files, publish

    monkeypatch.setattr(publish, "postgres_uri", database.uri)
    for module in (attempts, files, publish):
        monkeypatch.setattr(module, "connect", lambda: database.connect(autocommit=True))


def fail(dag_bag: DagBag, dag_id: str, conf: dict[str, Any]) -> str:
    """Run the first task of a DAG, of which no other run is active; returns why it failed."""
    from assay_airflow.endings import NeedsPerson

    task = dag_bag.dags[dag_id].topological_sort()[0]
    dag_run = SimpleNamespace(
        run_id="one",
        run_type=SimpleNamespace(value="manual"),
        logical_date=None,
        run_after=datetime(2026, 1, 1, tzinfo=UTC),
        conf=conf,
    )
    instance = SimpleNamespace(
        task_id=task.task_id,
        try_number=1,
        get_dr_count=lambda *_, **__: 0,
        get_first_reschedule_date=lambda _: None,
    )
    context = {"dag_run": dag_run, "params": {}, "run_id": "one", "ti": instance, "dag": task.dag}
    with pytest.raises(NeedsPerson) as error:
        task.execute(context)  # type: ignore[arg-type]
    return error.value.sentence


@pytest.mark.parametrize(
    ("dag_id", "conf", "told"),
    [
        ("trades", {"gate_policy": "override"}, "override_reason=None: must be a text of 3"),
        ("trades", {"gate_polici": "strict"}, "'gate_polici' is not a param"),
        ("cross_dataset_gold", {"landing_glob": "a*"}, "a pipeline that takes no files"),
    ],
)
def test_refused_run_says_why_in_its_note_and_fences_nobody(
    dag_bag: DagBag,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    dag_id: str,
    conf: dict[str, Any],
    told: str,
) -> None:
    use(database, monkeypatch)
    error = fail(dag_bag, dag_id, conf)
    assert "the run is refused" in error
    assert told in error
    with database.connect() as connection:
        note = ledger.summary_of_run(connection, dag_id, "one")
        batches = connection.execute("SELECT state FROM ops.batch").fetchall()
        epochs = connection.execute("SELECT epoch FROM ops.pipeline_lease").fetchall()
    assert note.startswith("FAILED: the run is refused: ")
    assert told in note
    assert (batches, epochs) == ([], [])


def test_run_that_finds_its_files_in_a_failed_batch_is_red_and_names_it(
    dag_bag: DagBag, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(database, monkeypatch)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    with database.connect(autocommit=True) as connection:
        start_batch(connection, "stuck", "FAILED")
        place = tmp_path / "accepted" / "trades" / "f1.csv"
        held = ledger.Delivery("trades", "a.csv", "f1", "accepted", location=str(place))
        ledger.record_deliveries(connection, "stuck", [held])
        told = fail(dag_bag, "trades", {})
        assert "1 file is held by stuck (FAILED)" in told
        assert "`assay batch retry stuck`" in told
        note = ledger.summary_of_run(connection, "trades", "one")
        states = connection.execute("SELECT batch_id, state FROM ops.batch ORDER BY 1").fetchall()
    assert "held by stuck" in note
    assert [state for _, state in states] == ["FAILED", "EMPTY"]

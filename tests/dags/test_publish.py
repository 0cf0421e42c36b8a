"""A release is told once: by the attempt that made it, or by the next if that was cut off."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from assay import ledger
from assay.batch.plan import write_plan
from builders.batches import make_plan
from builders.ledger_rows import start_batch
from builders.verdicts import OVERRIDDEN

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

    from conftest import Database

EVENT = "silver.trades"


@pytest.fixture
def released_by_a_killed_attempt(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The path of a plan whose batch was released by an attempt that never ended."""
    from assay_airflow import attempts
    from assay_airflow.operators import publish

    for module in (attempts, publish):
        monkeypatch.setattr(module, "connect", lambda: database.connect(autocommit=True))
    monkeypatch.setattr(publish, "postgres_uri", database.uri)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    plan = make_plan(tmp_path, "b1", [], export_format="csv")
    with database.connect(autocommit=True) as connection:
        start_batch(connection, "b1", "COMMITTED", "PUBLISHED")
        ledger.record_validation(connection, "b1", 1, "silver", [OVERRIDDEN])
        epoch = ledger.take_epoch(connection, "trades", "one")
        ledger.start_task(connection, batch_id="b1", task_id="publish", epoch=epoch, try_number=1)
        facts = {"pipeline": "trades", "batch_id": "b1", "epoch": epoch, "generation": 1}
        ledger.record_release(
            connection, **facts, versions={EVENT: 3}, counts={}, sums={}, content={}
        )
    return str(write_plan(plan))


def attempt(dag_bag: DagBag, plan_path: str) -> dict[str, dict[str, Any]]:
    """What one attempt of the task publish tells, by Asset."""
    task = dag_bag.dags["trades"].get_task("publish")
    events: dict[Any, Any] = defaultdict(lambda: SimpleNamespace(extra=None))
    instance = SimpleNamespace(
        task_id="publish", try_number=2, xcom_pull=lambda task_ids: plan_path
    )
    context = {
        "ti": instance,
        "dag": dag_bag.dags["trades"],
        "run_id": "one",
        "outlet_events": events,
    }
    task.execute(context)
    return {asset.name: dict(event.extra) for asset, event in events.items()}


def test_release_of_a_killed_attempt_is_told_by_the_next_and_only_once(
    dag_bag: DagBag, released_by_a_killed_attempt: str, database: Database
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    by_asset = attempt(dag_bag, released_by_a_killed_attempt)
    assert {told["release"] for told in by_asset.values()} == {by_asset[EVENT]["release"]}
    with_version = {name for name, told in by_asset.items() if "version" in told}
    assert with_version == {EVENT}, "the release has brought no other table of the lake"
    told = by_asset[EVENT]
    assert (told["batch"], told["version"]) == ("b1", 3)
    assert told["verdicts"] == {"met": 0, "overridden": ["silver.trades: known status"]}
    with database.connect() as connection:
        tries = ledger.task_summaries(connection, "b1")
    assert [t.state for t in tries] == ["LOST", "SUCCESS"]
    assert tries[1].summary == f"publish: release {told['release']}"
    with pytest.raises(AirflowSkipException, match="nothing to release"):
        attempt(dag_bag, released_by_a_killed_attempt)

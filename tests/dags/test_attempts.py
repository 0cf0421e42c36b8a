"""How an attempt ends: what needs a person fails for good, an outage is tried again."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from assay.errors import BatchError, ObjectStoreError, SettingsError
from assay.ledger import require_epoch, summary_of_run, take_epoch
from builders.ledger_rows import start_batch

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.usefixtures("dag_bag")  # which gives Airflow a home for the tests


def test_an_outage_of_the_object_store_is_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk import RetryAction

    from assay_airflow import attempts
    from assay_airflow.endings import NO_RETRY_WITHOUT_PERSON, NeedsPerson, TaskEnded

    monkeypatch.setattr(attempts, "connect", lambda: database.connect(autocommit=True))
    with database.connect(autocommit=True) as connection:
        start_batch(connection, "batch")
    context = {"ti": SimpleNamespace(task_id="publish", try_number=1), "run_id": "one"}
    for error, expected, action, told in (
        (ObjectStoreError("no answer"), TaskEnded, RetryAction.DEFAULT, "tries again"),
        (BatchError("was moved"), NeedsPerson, RetryAction.FAIL, "Next: retry, reject-file or"),
    ):
        with (
            pytest.raises(expected) as ended,
            attempts.attempt(context, "trades", "batch", scratch_epoch=None) as now,
        ):
            raise error
        with database.connect() as connection:
            row = connection.execute(
                "SELECT state, error FROM ops.batch_task WHERE epoch = %s", [now.epoch]
            ).fetchone()
        assert row == ("FAILED", str(error))
        assert str(ended.value).startswith(str(error))
        assert told in str(ended.value)
        assert ended.value.code == type(error).__name__
        assert NO_RETRY_WITHOUT_PERSON.evaluate(ended.value, 1, 3).action == action


def test_refused_run_is_kept_for_its_note_and_fences_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay_airflow import attempts
    from assay_airflow.endings import NeedsPerson

    monkeypatch.setattr(attempts, "connect", lambda: database.connect(autocommit=True))
    run = SimpleNamespace(
        run_id="one", logical_date=None, run_after=datetime(2026, 1, 2, tzinfo=UTC)
    )
    context = {"dag_run": run, "ti": SimpleNamespace(task_id="accept_files", try_number=1)}
    with database.connect(autocommit=True) as connection:
        epoch = take_epoch(connection, "trades", "another run")
        for _ in range(2):  # a person may clear the task
            with pytest.raises(NeedsPerson, match="the run is refused: batch_date"):
                attempts.refuse(context, "trades", SettingsError("batch_date='x': must be a date"))
        note = summary_of_run(connection, "trades", "one")
        with connection.transaction():
            require_epoch(connection, "trades", epoch)
    assert note == (
        "FAILED: the run is refused: batch_date='x': must be a date."
        " Next: trigger it again with other params"
    )

"""How an attempt ends: what needs a person fails for good, an outage is tried again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from assay.errors import BatchError, ObjectStoreError

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.usefixtures("dag_bag")  # which gives Airflow a home for the tests


def test_an_outage_of_the_object_store_is_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from assay_airflow import attempts

    monkeypatch.setattr(attempts, "connect", lambda: database.connect(autocommit=True))
    context = {"ti": SimpleNamespace(task_id="publish", try_number=1), "run_id": "one"}
    for error, expected in (
        (ObjectStoreError("no answer"), ObjectStoreError),
        (BatchError("no such batch"), AirflowFailException),
    ):
        with (
            pytest.raises(expected),
            attempts.attempt(context, "trades", "batch", scratch_epoch=None) as now,
        ):
            raise error
        with database.connect() as connection:
            row = connection.execute(
                "SELECT state, error FROM ops.batch_task WHERE epoch = %s", [now.epoch]
            ).fetchone()
        assert row == ("FAILED", str(error))

"""What keeps house runs at its dates only: neither unpausing nor a missed date begins a run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.usefixtures("dag_bag")  # which gives Airflow a home for the tests
WEEK, DAY, HOUR, MINUTE = (timedelta(minutes=m) for m in (7 * 24 * 60, 24 * 60, 60, 1))


def weekly(date: datetime) -> Any:
    """A DAG that keeps house at this minute of every week, as the scheduler has it."""
    from airflow.serialization.serialized_objects import DagSerialization

    from assay_airflow.dag_factory import maintenance_dag

    cron = f"{date.minute} {date.hour} * * {date.isoweekday() % 7}"
    dag = maintenance_dag("house", schedule=cron, owner="ann", tags=[], doc_md=None)
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


@pytest.mark.parametrize("runs_before", [False, True], ids=["never run", "paused for weeks"])
@pytest.mark.parametrize(
    ("ago", "ahead"),
    [(-DAY, DAY), (MINUTE, -MINUTE), (2 * HOUR, WEEK - 2 * HOUR), (3 * DAY, WEEK - 3 * DAY)],
    ids=["tomorrow", "due just now", "two hours ago", "three days ago"],
)
def test_next_run_is_not_one_that_was_missed(
    ago: timedelta, ahead: timedelta, runs_before: bool
) -> None:
    from airflow.sdk import timezone
    from airflow.timetables.base import DagRunInfo

    now = timezone.utcnow()
    before = DagRunInfo.exact(now - ago - 4 * WEEK) if runs_before else None
    found = weekly(now - ago).next_dagrun_info(last_automated_run_info=before)
    assert abs(found.run_after - (now + ahead)) < 2 * MINUTE


def test_maintenance_of_the_repository_is_such_a_dag(dag_bag: DagBag) -> None:
    from assay_airflow.timetables import OnlyAhead

    assert isinstance(dag_bag.dags["lakehouse_maintenance"].timetable, OnlyAhead)

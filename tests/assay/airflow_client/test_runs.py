"""Watching a run goes on while Airflow is away for a moment, and ends when it stays away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from assay.airflow_client import runs as airflow_runs
from assay.airflow_client.runs import AirflowRuns
from assay.errors import StackError
from assay.settings import load_settings


def fake_airflow(monkeypatch: pytest.MonkeyPatch, codes: Iterator[int]) -> None:
    """One that restarts cannot be had in a test of milliseconds."""

    def answer(request: httpx.Request) -> httpx.Response:
        tasks = [{"task_id": "a", "state": None, "try_number": 0, "duration": None}]
        found = {"state": "running", "task_instances": tasks}
        plan = {"tasks": [{"task_id": "a", "downstream_task_ids": []}]}
        is_plan = request.url.path.endswith("/tasks")
        return httpx.Response(next(codes), json=plan if is_plan else found)

    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://fake")
    monkeypatch.setattr(airflow_runs, "api_client", lambda _: client)
    monkeypatch.setattr(airflow_runs.time, "sleep", lambda _: None)


def runs(tmp_path: Path) -> AirflowRuns:
    return AirflowRuns(load_settings({"ASSAY_HOME": str(tmp_path)}), "trades")


def test_a_fake_airflow_that_is_away_for_a_moment_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_airflow(monkeypatch, iter([500, 503, 200, 500, 200, 503, 200]))
    assert runs(tmp_path).state("run").state == "running"


@pytest.mark.parametrize(("code", "says"), [(500, "is not well"), (404, "refused")])
def test_a_fake_airflow_that_stays_away_or_refuses_ends_the_watch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, says: str
) -> None:
    monkeypatch.setattr(airflow_runs, "OUTAGE_SECONDS", 0 if code == 500 else 60)
    fake_airflow(monkeypatch, iter([code] * 99))
    with pytest.raises(StackError, match=says):
        runs(tmp_path).state("run")

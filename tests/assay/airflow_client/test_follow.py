"""Following one run: its own end counts, whatever becomes of the runs before and beside it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from assay.airflow_client import follow
from assay.airflow_client.follow import follow_run
from assay.airflow_client.runs import AirflowRuns, RunState, TaskState
from assay.errors import StackError

OWN, BEFORE, LATER = "manual__2", "scheduled__1", "scheduled__3"


class Script:
    """States of runs, one for each time that Airflow is asked; order of the active ones."""

    dag_id = "trades"

    def __init__(self, active: list[str], **states: list[str]) -> None:
        self.active, self.states = active, states

    def active_runs(self) -> list[str]:
        return self.active

    def state(self, run_id: str) -> RunState:
        coming = self.states[run_id]
        state = coming.pop(0) if len(coming) > 1 else coming[0]
        tasks = [TaskState("commit", "running" if state == "running" else "none", 1, None)]
        return RunState(run_id, state, tasks, "trades")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.0)


def run(script: Script, **given: Any) -> tuple[RunState, list[str], list[str], set[str]]:
    said: list[str] = []
    seen: set[str] = set()
    runs = cast("AirflowRuns", script)
    own, before = follow_run(runs, OWN, lambda r: seen.add(r.run_id), said.append, **given)
    return own, before, said, seen


def test_a_run_that_comes_later_is_none_of_its_business() -> None:
    script = Script(
        [OWN, LATER], manual__2=["running", "running", "success"], scheduled__3=["failed"]
    )
    own, before, said, seen = run(script)
    assert (own.state, before, said, seen) == ("success", [], [], {OWN})


def test_what_it_waits_for_is_said_and_its_failure_is_not_its_own() -> None:
    script = Script(
        [BEFORE, OWN, LATER],
        manual__2=["queued", "queued", "running", "success"],
        scheduled__1=["running", "failed"],
        scheduled__3=["failed"],
    )
    own, before, said, seen = run(script)
    assert (own.state, before, seen) == ("success", [BEFORE], {OWN, BEFORE})
    assert [text.split()[2:4] for text in said[:1]] == [["for", BEFORE]]
    assert said[1:] == [f"{BEFORE} of trades failed; the run that waited for it goes on"]


def test_its_own_failure_is_its_end() -> None:
    assert run(Script([], manual__2=["running", "failed"]))[0].state == "failed"


def test_after_the_timeout_it_says_where_the_run_is_and_that_it_goes_on() -> None:
    with pytest.raises(StackError, match="is running in commit after 0 s, and goes on"):
        run(Script([], manual__2=["running"]), timeout=0)

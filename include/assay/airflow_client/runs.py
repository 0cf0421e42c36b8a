"""Runs of a DAG through Airflow's own API, as a user has them: trigger, watch, clear."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from assay.airflow_client.api import api_client
from assay.airflow_ui.notes import as_note
from assay.errors import StackError
from assay.settings import Settings

ENDED = ("success", "failed")
FIRST_PARSE_SECONDS = 120
OUTAGE_SECONDS = 60


class AwayError(StackError):
    """Airflow, or its database, is not there just now."""


@dataclass(frozen=True)
class TaskState:
    """One task of a run as Airflow reports it; `seconds` is None before it has begun."""

    task_id: str
    state: str
    try_number: int
    seconds: float | None


@dataclass(frozen=True)
class RunState:
    """One run as Airflow reports it."""

    run_id: str
    state: str
    tasks: list[TaskState]
    dag_id: str = ""


class AirflowRuns:
    """The runs of one DAG."""

    def __init__(self, settings: Settings, dag_id: str) -> None:
        self.dag_id = dag_id
        self._api = api_client(settings)
        self._path = f"/api/v2/dags/{dag_id}"

    def unpause(self) -> None:
        """Let the scheduler run the DAG; waits until Airflow has parsed its file once."""
        self.wait_until_parsed()
        self._call("PATCH", self._path, json={"is_paused": False})

    def pause(self) -> None:
        """Have the scheduler start no more runs of the DAG; one that is under way goes on."""
        self._call("PATCH", self._path, json={"is_paused": True})

    def wait_until_parsed(self) -> None:
        """Raises StackError, with the import error if there is one, when the DAG does not come."""
        deadline = time.monotonic() + FIRST_PARSE_SECONDS
        while not self._is_parsed():
            if time.monotonic() > deadline:
                errors = self._call("GET", "/api/v2/importErrors")["import_errors"]
                why = errors[0]["stack_trace"].splitlines()[-1] if errors else "it is not parsed"
                raise StackError(f"Airflow has no DAG {self.dag_id}: {why}")
            time.sleep(0.5)

    def _is_parsed(self) -> bool:
        """False also while Airflow is too busy with parsing to answer."""
        try:
            return self._api.get(self._path).status_code != httpx.codes.NOT_FOUND
        except httpx.HTTPError:
            return False

    def trigger(self, conf: Mapping[str, object]) -> str:
        """Start a run by hand and return its id. Raises StackError with the field refused."""
        body = {"logical_date": None, "conf": dict(conf)}
        run: dict[str, Any] = self._call("POST", f"{self._path}/dagRuns", json=body)
        return str(run["dag_run_id"])

    def clear(self, run_id: str, task_id: str) -> None:
        """Have a task and all after it run again, in the same run."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self._call("POST", f"{self._path}/clearTaskInstances", json=body)

    def set_note(self, run_id: str, summary: str) -> None:
        """Have a run say something else of itself."""
        self._call("PATCH", f"{self._path}/dagRuns/{run_id}", json={"note": as_note(summary)})

    def state(self, run_id: str) -> RunState:
        """The run and its tasks, in the order in which they run."""
        run = self._ask(f"{self._path}/dagRuns/{run_id}")
        answer = self._ask(f"{self._path}/dagRuns/{run_id}/taskInstances")
        tasks = [
            TaskState(t["task_id"], t["state"] or "none", t["try_number"], t["duration"])
            for t in answer["task_instances"]
        ]
        order = {task_id: place for place, task_id in enumerate(self._task_ids())}
        return RunState(
            run_id,
            str(run["state"]),
            sorted(tasks, key=lambda t: order.get(t.task_id, 0)),
            self.dag_id,
        )

    def active_runs(self) -> list[str]:
        """Runs that are queued or under way, oldest first."""
        query = {"state": ["running", "queued"], "order_by": "run_after"}
        runs = self._ask(f"{self._path}/dagRuns", params=query)["dag_runs"]
        running_first = sorted(runs, key=lambda run: run["state"] != "running")
        return [str(run["dag_run_id"]) for run in running_first]

    def active_tasks(self) -> list[str]:
        """Tasks of any run that a worker has, or is about to have, by id."""
        query = {"state": ["queued", "running", "restarting"]}
        found = self._ask(f"{self._path}/dagRuns/~/taskInstances", params=query)
        return [str(each["task_id"]) for each in found["task_instances"]]

    def log_lines(self, run_id: str, task: TaskState) -> list[str]:
        """What the last try of a task has logged, without Airflow's own markers."""
        path = f"{self._path}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{task.try_number}"
        content = self._ask(path, params={"full_content": True})["content"]
        return [text for line in content if isinstance(line, dict) for text in _texts(line)]

    def _task_ids(self) -> list[str]:
        if not hasattr(self, "_order"):
            tasks = self._ask(f"{self._path}/tasks")["tasks"]
            self._order = _in_running_order({t["task_id"]: t["downstream_task_ids"] for t in tasks})
        return self._order

    def _ask(self, path: str, **request: Any) -> dict[str, Any]:
        """GET, and again for a minute: a run goes on while Airflow or its database restarts."""
        deadline = time.monotonic() + OUTAGE_SECONDS
        while True:
            try:
                return self._call("GET", path, **request)
            except AwayError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(1)

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = self._api.request(method, path, **request)
        except httpx.HTTPError as error:
            raise AwayError(f"Airflow did not answer ({error}); see make status") from error
        if answer.is_server_error:
            raise AwayError(f"Airflow is not well ({_reason(answer)}); see make status")
        if answer.is_error:
            raise StackError(f"Airflow refused {method} {path}: {_reason(answer)}")
        return dict(answer.json())


def _texts(line: Mapping[str, Any]) -> list[str]:
    """One log entry as lines: its event, and the errors that Airflow keeps beside it."""
    event = str(line.get("event", ""))
    if event.startswith("::"):  # Airflow's folding marks
        return []
    errors = line.get("error_detail") or []
    return [event, *(f"{error.get('exc_type')}: {error.get('exc_value')}" for error in errors)]


def _in_running_order(after: Mapping[str, list[str]]) -> list[str]:
    """Task ids so that each comes before those after it."""
    order: list[str] = []

    def visit(task_id: str) -> None:
        for following in after[task_id]:
            if following not in order:
                visit(following)
        if task_id not in order:
            order.insert(0, task_id)

    for task_id in after:
        visit(task_id)
    return order


def _reason(answer: httpx.Response) -> str:
    try:
        detail = answer.json().get("detail", answer.text)
    except ValueError:
        detail = answer.text
    return str(detail)[:300]

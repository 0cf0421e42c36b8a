"""The whole embedded stack in a home of the tests' own, driven as a user would drive it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import psycopg

from assay.airflow_client.api import api_client
from assay.airflow_client.runs import ENDED, AirflowRuns, RunState
from assay.generate.truth import Truth
from assay.home.dsn import dsn
from assay.home.paths import BIN, child_environment
from assay.home.processes import find_ours
from assay.settings import Settings
from assay.spark_runtime.server import PROGRAM
from builders.content import everything

STAGES = (
    "accept_files",
    "ingest_bronze",
    "validate_bronze",
    "build_silver",
    "validate_silver",
    "build_gold",
    "validate_gold",
    "stage",
    "commit",
    "publish",
    "archive_files",
)
POLL_SECONDS = 1.0  # both looking at processes and asking Airflow take from the two cores
LAUNCHER = "assay-spark-submit"
SERVER = ("SparkSubmit", PROGRAM)  # words of the command line of the JVM
RUN_SECONDS = 600


@dataclass(frozen=True)
class Batch:
    """One run, its batch, and what must have become of it."""

    run: RunState
    batch_id: str
    truth: Truth
    waiting_run: str = ""


@dataclass
class RunningStack:
    """A stack that is up; what was seen of its Spark jobs and server is kept."""

    settings: Settings
    dag_id: str = "trades"
    command_lines: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.runs = AirflowRuns(self.settings, self.dag_id)
        self.api = api_client(self.settings)

    def of(self, dag_id: str) -> RunningStack:
        """The same stack, looked at for another DAG."""
        return RunningStack(self.settings, dag_id)

    def trigger(self, **conf: Any) -> str:
        return self.runs.trigger(conf)

    def run(self, **conf: Any) -> RunState:
        """Trigger and follow to the end."""
        return self.wait(self.trigger(**conf))

    def wait(self, run_id: str) -> RunState:
        """Follow a run to its end."""
        deadline = time.monotonic() + RUN_SECONDS
        while (state := self.runs.state(run_id)).state not in ENDED:
            assert time.monotonic() < deadline, f"{run_id} has not ended: {state}"
            self.look_at_jobs()
            time.sleep(POLL_SECONDS)
        return state

    def let_schedule_begin(self) -> RunState:
        """Unpause the DAG and follow the run that its schedule starts at once.

        It is the newest of two when the hour of the schedule strikes meanwhile.
        """
        self.runs.unpause()
        *_, run_id = self._await_runs(1)
        return self.succeed(self.wait(run_id))

    def pause(self) -> None:
        """Start no further run of the DAG by itself."""
        path = f"/api/v2/dags/{self.dag_id}"
        self.api.patch(path, json={"is_paused": True}).raise_for_status()

    def backfill(self, first: str, last: str) -> Callable[[], list[RunState]]:
        """Have Airflow run the days from `first` to `last`, as a user does.

        The answer waits for their runs; oldest day first.
        """
        span = ["--from-date", first, "--to-date", f"{last}T23:59:59"]
        done = self.assay("airflow", "backfill", "create", "--dag-id", self.dag_id, *span)
        assert done.returncode == 0, done.stderr
        days = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
        begun = self._await_runs(days, run_type="backfill")
        return lambda: [self.wait(run_id) for run_id in begun]

    def run_ids(self) -> list[str]:
        """The runs of the DAG, oldest first."""
        return self._await_runs(0)

    def _await_runs(self, number: int, **which: str) -> list[str]:
        """The runs of the DAG, by day, once there are so many."""
        query = {"order_by": "run_after", **which}
        deadline = time.monotonic() + RUN_SECONDS
        while True:
            answer = self.api.get(f"/api/v2/dags/{self.dag_id}/dagRuns", params=query)
            found = answer.raise_for_status().json()["dag_runs"]
            if len(found) >= number:
                return [run["dag_run_id"] for run in found]
            assert time.monotonic() < deadline, f"{self.dag_id} has {len(found)} of {number} runs"
            time.sleep(POLL_SECONDS)

    def asset_events(self) -> list[dict[str, Any]]:
        """What the releases have told, oldest first."""
        answer = self.api.get("/api/v2/assets/events", params={"order_by": "timestamp"})
        return list(answer.raise_for_status().json()["asset_events"])

    def succeed(self, run: RunState) -> RunState:
        """The run, once it is sure that it succeeded; else the failing task's log says why."""
        if run.state != "success":
            raise AssertionError("\n".join([str(run), *self.log_of_failed(run)]))
        return run

    def log_of_failed(self, run: RunState) -> list[str]:
        failed = [task for task in run.tasks if task.state == "failed"]
        return [line for task in failed for line in self.runs.log_lines(run.run_id, task)]

    def jobs(self, *words: str) -> list[psutil.Process]:
        """The living launchers of Spark jobs of this home, or what else has these words."""
        found = []
        for process in find_ours(self.settings):
            try:
                line = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if all(word in line for word in words or [LAUNCHER]):
                found.append(process)
        return found

    def kill_job(self, run_id: str, stage: str, moment: Callable[[], object]) -> None:
        """SIGKILL the launcher of a stage at a moment, and see its task fail for it."""
        job = (LAUNCHER, f"run_stage.py {stage} ")
        self._wait_for(lambda: self.jobs(*job), every=0.3)
        self._wait_for(moment, every=0.02)
        self.jobs(*job)[0].kill()
        self._wait_for(lambda: self.task_state(run_id, stage) == "up_for_retry")

    def _wait_for(self, condition: Callable[[], object], every: float = POLL_SECONDS) -> None:
        deadline = time.monotonic() + RUN_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(every)

    def look_at_jobs(self) -> None:
        """Keep what other users of the machine could see of the Spark jobs."""
        for process in [*self.jobs(), *self.jobs(*SERVER)]:
            try:
                self.command_lines.add(" ".join(process.cmdline()))
                if PROGRAM in process.cmdline():
                    self.environments.add(str(process.environ()))
            except psutil.Error:
                continue

    def task_state(self, run_id: str, task_id: str) -> str:
        return next(t.state for t in self.runs.state(run_id).tasks if t.task_id == task_id)

    def rendered_fields(self, run_id: str) -> str:
        """Everything that the UI shows of the run's task instances."""
        answer = self.api.get(f"/api/v2/dags/{self.dag_id}/dagRuns/{run_id}/taskInstances")
        answer.raise_for_status()
        return answer.text

    def note(self, run_id: str) -> str:
        answer = self.api.get(f"/api/v2/dags/{self.dag_id}/dagRuns/{run_id}")
        answer.raise_for_status()
        return str(answer.json()["note"] or "")

    def connect(self, role: str = "assay_reader") -> psycopg.Connection[Any]:
        return psycopg.connect(dsn(self.settings, role), autocommit=True)

    def query(
        self, text: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Rows as the reader role sees them."""
        with self.connect() as connection:
            return connection.execute(text, parameters).fetchall()  # type: ignore[arg-type]

    def batch_of(self, run_id: str) -> tuple[str, str]:
        """Batch id and state of a run."""
        ((batch_id, state),) = self.query(
            "SELECT batch_id, state FROM ops.batch WHERE pipeline = %s AND run_id = %s",
            [self.dag_id, run_id],
        )
        return batch_id, state

    def everything(self) -> dict[str, Any]:
        """Versions and content of all that a reader could see."""
        with self.connect() as connection:
            return everything(self.settings.lake, connection)

    def landing(self) -> Path:
        return self.settings.landing / self.dag_id

    def pending(self) -> list[str]:
        return sorted(path.name for path in self.landing().rglob("*") if path.is_file())

    def assay(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on this home."""
        return subprocess.run(
            [BIN / "assay", *arguments],
            env=child_environment({"ASSAY_HOME": str(self.settings.home)}),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )

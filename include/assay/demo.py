"""The first run: start the stack, deliver sample files, trigger the DAG, follow it, sum it up."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from assay.airflow_runs import ENDED, AirflowRuns, RunState, TaskState
from assay.errors import AssayError
from assay.generate.options import SetOptions
from assay.generate.truth import read_truth
from assay.generate.write import Progress, generate
from assay.ledger.reports import BatchReport, batch_reports
from assay.settings import Settings
from assay.stack.postgres import dsn

PIPELINE = "trades"
SHOWN_ERROR_LINES = 15
POLL_SECONDS = 0.5
Watch = Callable[[RunState], None]


@dataclass(frozen=True)
class FollowedRuns:
    """The runs that were followed to their end, and the batches that they made."""

    runs: list[RunState]
    reports: list[BatchReport]

    @property
    def failed(self) -> list[RunState]:
        return [run for run in self.runs if run.state == "failed"]


def deliver_samples(
    settings: Settings, files: int, rows: int, say: Callable[[str], None], progress: Progress | None
) -> None:
    """Put generated trades into landing, unless exactly these were delivered before.

    They are made beside landing and renamed into it, and the truth file comes last: it is what
    tells the next call that the delivery was complete.
    """
    truth = settings.home / "truth" / "trades.json"
    options = SetOptions(
        out=settings.landing / "trades", truth=truth, files=files, rows=rows, damaged=True
    )
    if truth.is_file() and _same_files(read_truth(truth).options, options):
        say(f"the {files:,} sample files were delivered before; no new ones")
        return
    say(f"generating {files:,} files of {rows:,} trades, with defects, into {options.out}")
    making = settings.home / "tmp" / "samples"
    shutil.rmtree(making, ignore_errors=True)
    made = dataclasses.replace(options, out=making / "trades", truth=making / "truth.json")
    generate(PIPELINE, made, progress=progress)
    options.out.mkdir(parents=True, exist_ok=True)
    truth.parent.mkdir(parents=True, exist_ok=True)
    for path in sorted(made.out.iterdir()):
        path.replace(options.out / path.name)
    text = (making / "truth.json").read_text()
    truth.write_text(text)


def _same_files(one: SetOptions, other: SetOptions) -> bool:
    """Whether both ask for the same bytes, wherever these are written."""
    return dataclasses.replace(one, out=other.out, truth=other.truth) == other


def run_pipeline(
    settings: Settings, conf: dict[str, object], watch: Watch, dag_id: str = PIPELINE
) -> FollowedRuns:
    """Trigger the DAG and follow every active run of it, also one that the schedule started.

    A run that was started just before may have taken the files; what counts is what became of
    them, not who was first.
    """
    runs = AirflowRuns(settings, dag_id)
    since = database_time(settings)
    runs.unpause()
    triggered = runs.trigger(conf)
    known: dict[str, RunState] = {}
    while not known or any(run.state not in ENDED for run in known.values()):
        time.sleep(POLL_SECONDS)
        for run_id in {triggered: None, **dict.fromkeys(runs.active_runs()), **known}:
            if run_id not in known or known[run_id].state not in ENDED:
                known[run_id] = runs.state(run_id)
                watch(known[run_id])
    return FollowedRuns([*known.values()], read_reports(settings, dag_id, since))


def explain_failure(settings: Settings, run: RunState, dag_id: str = PIPELINE) -> str:
    """The failing task, its last error lines, and its log file."""
    task = next((task for task in run.tasks if task.state == "failed"), None)
    if task is None:
        return f"run {run.run_id} failed before any task did; see {settings.logs}"
    lines = AirflowRuns(settings, dag_id).log_lines(run.run_id, task)
    shown = "\n".join(f"  {line}" for line in lines[-SHOWN_ERROR_LINES:])
    return f"task {task.task_id} failed (try {task.try_number}):\n{shown}\nlog: " + str(
        task_log(settings, dag_id, run.run_id, task)
    )


def task_log(settings: Settings, dag_id: str, run_id: str, task: TaskState) -> Path:
    """Where Airflow keeps the log of a task's try."""
    folder = settings.logs / "tasks" / f"dag_id={dag_id}" / f"run_id={run_id}"
    return folder / f"task_id={task.task_id}" / f"attempt={task.try_number}.log"


def read_reports(
    settings: Settings, dag_id: str, since: datetime | None = None
) -> list[BatchReport]:
    """Reports of the pipeline's batches, as the reader role sees them."""
    with psycopg.connect(dsn(settings, "assay_reader")) as connection:
        return batch_reports(connection, dag_id, since)


def database_time(settings: Settings) -> datetime:
    """The clock that batches are stamped with."""
    with psycopg.connect(dsn(settings, "assay_reader")) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    if row is None:
        raise AssayError("Postgres told no time")
    moment: datetime = row[0]
    return moment

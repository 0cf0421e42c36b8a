"""Listeners: a run's note says what became of it, a failed task's log ends with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from airflow.listeners import hookimpl
from sqlalchemy.orm import object_session

from assay.airflow_ui.notes import as_note
from assay.events.context import known
from assay.events.event import Failed
from assay.ledger import summary_of_run
from assay_airflow.connections import connect
from assay_airflow.endings import TaskEnded, last_line
from assay_airflow.task_log import NAME, TaskLog

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

OURS = "assay_airflow."


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Called by the scheduler."""
    write_note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Called by the scheduler."""
    write_note(dag_run)


@hookimpl
def on_task_instance_failed(
    previous_state: Any, task_instance: Any, error: str | BaseException | None
) -> None:
    """Called in the process of the task; by the API server, with a text, when a person did it."""
    task = getattr(task_instance, "task", None)
    if isinstance(error, BaseException) and type(task).__module__.startswith(OURS):
        # What comes after Airflow's own lines, which its page folds up.
        structlog.get_logger(NAME).info("::endgroup::")
        kind = str(error.code) if isinstance(error, TaskEnded) else type(error).__name__
        TaskLog().write(Failed(kind, last_line(error)), known())


def write_note(dag_run: DagRun) -> None:
    """Put what the books say of the run on it, unless it is one that nobody keeps (a test)."""
    with connect() as connection:
        summary = summary_of_run(connection, dag_run.dag_id, dag_run.run_id)
    if summary and object_session(dag_run):
        dag_run.note = as_note(summary)

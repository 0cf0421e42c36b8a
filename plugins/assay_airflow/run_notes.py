"""Listener: when a run ends, its note in the UI says what became of its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from assay.ledger import summary_of_run
from assay_airflow.connections import connect

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

LONGEST_NOTE = 1000


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Called by the scheduler."""
    write_note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Called by the scheduler."""
    write_note(dag_run)


def write_note(dag_run: DagRun) -> None:
    """Put the summary of the run's batch, if it has one, on the run."""
    with connect() as connection:
        summary = summary_of_run(connection, dag_run.dag_id, dag_run.run_id)
    if summary:
        dag_run.note = summary[:LONGEST_NOTE]

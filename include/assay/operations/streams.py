"""Starting and stopping the streams of a pipeline, from the DAG of actions or the command line."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from assay.airflow_client.runs import AirflowRuns
from assay.contracts.pipelines import all_pipelines
from assay.errors import StackError
from assay.ledger.query import Connection
from assay.ledger.stream_states import stream_states
from assay.settings import Settings
from assay.spark_runtime.streaming import lock_of
from assay.spark_runtime.submit import is_locked
from assay.streams.names import dag_of, streams_of
from assay.streams.state import word_for
from assay.streams.stopping import ask_to_stop

# An application that has just been launched looks whether it is to stop once Spark has started.
STOP_SECONDS, LOOK_SECONDS = 120.0, 0.5


def start_streams(settings: Settings, pipeline: str) -> str:
    """Have Airflow keep them running from now on; returns one line that says so.

    Raises SettingsError when the pipeline has none, and StackError when Airflow does not answer.
    """
    streams_of(settings, pipeline)
    AirflowRuns(settings, dag_of(pipeline)).unpause()
    return f"{dag_of(pipeline)} is on: its streams run within half a minute"


def stop_streams(
    settings: Settings, connection: Connection, pipeline: str, patience: float = STOP_SECONDS
) -> str:
    """Have Airflow start none any more, and those that run, or are about to, end.

    Returns one line when none is left. Raises StackError when one is after `patience` seconds, or
    when Airflow does not answer, and so may start them again; SettingsError as `start_streams`.
    """
    streams_of(settings, pipeline)
    away: StackError | None = None
    runs: AirflowRuns | None = None
    try:
        runs = AirflowRuns(settings, dag_of(pipeline))
        runs.pause()
    except StackError as error:
        away = error
    deadline = time.monotonic() + patience
    while True:
        # Asked each time: an application that was launched since does not know of it.
        ask_to_stop(settings, pipeline)
        living = _living(settings, connection, pipeline, runs if away is None else None)
        if not living:
            break
        if time.monotonic() > deadline:
            raise StackError(
                f"{pipeline}: not stopped after {patience:.0f} s: {', '.join(living)}; see the log"
                f" of {dag_of(pipeline)} in Airflow, and clear its task, which ends it"
            )
        time.sleep(LOOK_SECONDS)
    if away is not None:
        raise StackError(
            f"the streams of {pipeline} are stopped, but Airflow will start them again if"
            f" {dag_of(pipeline)} is on, for that could not be told it: {away}"
        )
    return f"the streams of {pipeline} are stopped"


def _living(
    settings: Settings, connection: Connection, pipeline: str, runs: AirflowRuns | None
) -> list[str]:
    """What runs of a pipeline's streams, or is about to: in the books, here, and in Airflow."""
    now, datasets = datetime.now(UTC), all_pipelines()[pipeline].datasets
    living = [
        each.stream
        for each in stream_states(connection)
        if each.dataset in datasets and word_for(each, now) in ("running", "waiting")
    ]
    if is_locked(lock_of(settings, pipeline)):
        living.append("an application on this machine")
    if runs is not None:
        living += [f"the task {each} of {runs.dag_id}" for each in runs.active_tasks()]
    return living

"""The DAG of a pipeline's streams: one task without an end, taken up anew every hour."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from assay.airflow_ui.task_docs import doc_of
from assay.contracts.pipelines import Pipeline, pipelines_started_by
from assay.streams.names import can_stream, dag_of
from assay_airflow.dag_factory import FIRST_DAY
from assay_airflow.endings import NO_RETRY_WITHOUT_PERSON
from assay_airflow.operators.stream import StreamOperator

SECONDS = 3600
TASK = "stream_bronze"
MANUAL = """
### Streams of {name}: rows in Postgres as they come

Keeps the streams of {datasets} running once it is unpaused (`assay stream start {name}`). Each run
lasts an hour and hands over to the next, which picks up changed contracts. Owner: {owner}.

**Where to look.** `assay stream status`; Postgres: the tables of `live`, which hold what no batch
has audited yet.

**To stop it:** trigger `stream_actions` with `stop` and `{name}`, or `assay stream stop {name}`:
the micro-batch that is under way ends first, and nothing starts again. A task that is marked as
failed or cleared ends as well. Whatever ends it, the next run begins with the first record that is
not in Postgres.
"""


def stream_dags() -> dict[str, DAG]:
    """The DAG of every pipeline that has a dataset with a stream, by its id."""
    return {
        dag_of(each.name): _stream_dag(each)
        for each in pipelines_started_by("files")
        if can_stream(each.name)
    }


def _stream_dag(pipeline: Pipeline) -> DAG:
    facts = {
        "name": pipeline.name,
        "datasets": ", ".join(pipeline.datasets),
        "owner": pipeline.owner,
    }
    with DAG(
        dag_of(pipeline.name),
        description=f"Streams of {pipeline.name}: rows in Postgres as they come",
        schedule="@continuous",
        start_date=FIRST_DAY,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=True,
        tags=["stream", pipeline.name, *pipeline.tags],
        doc_md=MANUAL.format(**facts),
        default_args={
            "owner": pipeline.owner,
            "retries": 2,
            "retry_policy": NO_RETRY_WITHOUT_PERSON,
            "retry_delay": timedelta(seconds=2),  # rows wait for it
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=2),
            "execution_timeout": timedelta(seconds=2 * SECONDS),
        },
    ) as dag:
        # No pool: what runs all the time would keep the slots of Spark from the batches.
        task = StreamOperator(task_id=TASK, pipeline=pipeline.name, seconds=SECONDS)
        task.doc_md = doc_of(dag.dag_id, TASK)
    return dag

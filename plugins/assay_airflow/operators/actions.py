"""The tasks behind the forms that a person fills in to help a stuck batch, or for streams."""

from __future__ import annotations

from airflow.sdk import BaseOperator, Context

from assay.airflow_ui.forms import read_params
from assay.events.event import TaskFinished
from assay.events.sinks import emit
from assay.operations.action_params import ActionParams, StreamActionParams
from assay.settings import load_settings
from assay_airflow.attempts import own_attempt, person_of
from assay_airflow.connections import connect, use_kafka_login


class BatchActionOperator(BaseOperator):
    """Retries or abandons a batch, or rejects one of its files and goes on without it."""

    def execute(self, context: Context) -> str:
        """See `assay.operations.act`; returns one line that says what was done."""
        from dataclasses import replace

        from assay.operations.act import Asked, act, find_batch, goes_on

        settings = load_settings()
        with own_attempt(context) as now, connect() as connection:
            params = read_params(ActionParams, context["params"])
            asked = Asked(
                batch_id=find_batch(connection, params.batch, params.pipeline),
                action=params.action,
                who=person_of(context),
                why=params.reason,
                file=params.file or "",
            )
            done = [act(settings, connection, asked)]
            if asked.action == "reject-file" and goes_on(connection, asked.batch_id):
                done.append(act(settings, connection, replace(asked, action="retry", file="")))
            now.summary = "; ".join(done)
        emit(TaskFinished(now.summary, now.metrics))
        return str(now.summary)


class StreamActionOperator(BaseOperator):
    """Starts or stops the streams of a pipeline, or takes a way out of one."""

    def execute(self, context: Context) -> str:
        """See `assay.operations.stream_actions`; returns one line that says what was done."""
        from assay.operations.stream_actions import act_on_streams

        settings = load_settings()
        with own_attempt(context) as now, connect() as connection:
            params = read_params(StreamActionParams, context["params"])
            if params.action == "skip":
                use_kafka_login()
            named = {
                "pipeline": params.pipeline or "",
                "dataset": params.dataset or "",
                "slice": params.slice or "",
            }
            who = person_of(context)
            now.summary = act_on_streams(
                settings, connection, params.action, named, who, params.reason
            )
        emit(TaskFinished(now.summary, now.metrics))
        return str(now.summary)

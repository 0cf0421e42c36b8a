"""The task that takes releases back."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetAlias, BaseOperator, Context

from assay.airflow_ui.forms import read_params
from assay.batch.run import batch_id_of
from assay.errors import AssayError
from assay.events.event import TaskFinished
from assay.events.sinks import emit
from assay.operations.action_params import RollbackParams
from assay.settings import load_settings
from assay_airflow.attempts import attempt, params_of, person_of, refuse
from assay_airflow.connections import connect, postgres_uri

# Which Assets are told depends on the pipeline, which only the run knows.
ROLLED_BACK = AssetAlias("rolled_back")


class RollbackOperator(BaseOperator):
    """Goes back to an earlier release, or undoes the newest batch; a repeat completes it.

    The Assets of the pipeline's silver are told, so that what is built from it is built again.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(outlets=[ROLLED_BACK], **kwargs)

    def execute(self, context: Context) -> str:
        """See `assay.operations.rollback.roll_back`; returns one line that says what was done."""
        from assay.operations.rollback import Request, find_pipeline, roll_back, with_whole_id
        from assay.operations.rollback.run import describe

        dag_run = context["dag_run"]
        try:
            params = read_params(RollbackParams, params_of(context))
            request = Request(
                to_release=params.to_release,
                batch=params.batch,
                who=person_of(context),
                why=params.why,
                gives_back=params.give_back_files,
            )
            with connect() as connection:
                request = with_whole_id(connection, request)
                pipeline = find_pipeline(connection, request)
        except AssayError as error:
            refuse(context, dag_run.dag_id, error)
        day = (dag_run.logical_date or dag_run.run_after).date().isoformat()
        own = batch_id_of(dag_run.dag_id, dag_run.run_id, day)
        with attempt(context, pipeline, own, scratch_epoch=None) as now:
            settings, uri = load_settings(), postgres_uri()
            done = roll_back(settings, connect, uri, pipeline, request, now.epoch)
            now.summary = describe(done)
            for table in done.versions:
                if table.startswith("silver."):
                    context["outlet_events"][ROLLED_BACK].add(
                        Asset(table),
                        extra={"release": done.to_release, "rolled_back": [*done.batches]},
                    )
        emit(TaskFinished(now.summary, now.metrics))
        return str(now.summary)

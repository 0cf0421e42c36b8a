"""The task that makes committed batches visible in Postgres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator

from assay import ledger
from assay.plan import Plan, read_plan
from assay.results import latest_result
from assay.settings import load_settings
from assay_airflow.attempts import planned_attempt, pull_plan_path
from assay_airflow.connections import connect, postgres_uri


class PublishOperator(BaseOperator):
    """Releases every committed batch, each in one transaction; of a dry run only its summary."""

    def execute(self, context: Mapping[str, Any]) -> str:
        """See `assay.publish.publish_pending`."""
        from assay.publish import publish_pending

        plan = read_plan(pull_plan_path(context))
        with planned_attempt(context, plan) as now:
            if plan.commit:
                batches = load_settings().batches
                releases = publish_pending(
                    connect,
                    postgres_uri(),
                    plan.pipeline,
                    now.epoch,
                    lambda batch_id: read_plan(batches / batch_id / "plan.json"),
                    self.log.info,
                )
                now.metrics = {"releases": releases}
                now.summary = f"publish: {len(releases)} releases"
            else:
                now.summary = f"publish: {_record_dry_run(context, plan)}"
        self.log.info(now.summary)
        return str(now.summary)


def _record_dry_run(context: Mapping[str, Any], plan: Plan) -> str:
    """Keep what the run would have changed; returns it as a line."""
    stages = ("build_silver", "build_gold") if plan.has_work else ()
    change = "; ".join(latest_result(plan.folder, stage)["summary"] for stage in stages)
    summary = {"would_change": change or "nothing: no file is waiting"}
    with connect() as connection:
        run_type = str(context["dag_run"].run_type)
        ledger.record_dry_run(connection, plan, run_type=run_type, summary=summary)
    return f"dry run; would change {summary['would_change']}"

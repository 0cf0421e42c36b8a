"""The tasks that bring a batch to Postgres: staged before the commit, published after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from assay import ledger
from assay.plan import Plan, read_plan
from assay.results import latest_result
from assay.settings import load_settings
from assay_airflow.attempts import planned_attempt, pull_plan_path, run_type_of
from assay_airflow.connections import connect, postgres_uri
from assay_airflow.operators.spark_stage import prepare

RELEASED_FIRST = "released_first"  # XCom: releases that the run made before it took anything


class StageOperator(BaseOperator):
    """Copies what the batch brings into staging tables, which refuse what Postgres cannot take."""

    def execute(self, context: Mapping[str, Any]) -> str:
        """See `assay.publish.stage.stage_batch`."""
        from assay.publish import stage_batch

        plan = read_plan(pull_plan_path(context))
        if not plan.needs("stage"):
            raise AirflowSkipException(f"stage: nothing to do for {plan.batch_id}")
        with planned_attempt(context, plan) as now:
            with connect() as connection:
                prepare(connection, plan, "stage")
                ledger.resume_batch(connection, plan.batch_id, "RUNNING")
            result = stage_batch(connect, postgres_uri(), plan, now.epoch, self.log.info)
            now.summary = f"stage: {result['summary']}"
        self.log.info(now.summary)
        return str(now.summary)


class PublishOperator(BaseOperator):
    """Releases every committed batch, each in one transaction; of a dry run only its summary.

    A release is told to the Assets of its tables. A task that is skipped tells them nothing.
    """

    def execute(self, context: Mapping[str, Any]) -> str:
        """See `assay.publish.publish_pending`; skipped when there is nothing to release."""
        plan = read_plan(pull_plan_path(context))
        with planned_attempt(context, plan) as now:
            if not plan.commit:
                raise AirflowSkipException(f"publish: {_record_dry_run(context, plan)}")
            releases = [*_released_by_accept(context), *publish_all(plan.pipeline, now.epoch, self)]
            waived = self._waive(plan, now.epoch)
            if not releases:
                raise AirflowSkipException(f"publish: {waived or 'nothing to release'}")
            now.metrics = {"releases": releases}
            now.summary = f"publish: {len(releases)} releases" + (waived and f"; {waived}")
            self._tell_assets(context, releases)
            self._export(plan, releases[-1]["release_id"])
        self.log.info(now.summary)
        return str(now.summary)

    def _export(self, plan: Plan, release_id: int) -> None:
        """What the run asked for; the release stands, whatever becomes of its files."""
        if plan.export_format is None:
            return
        from assay.export import export_release

        settings = load_settings()
        out = settings.exports / plan.pipeline
        with connect() as connection:
            for written in export_release(
                settings, connection, plan.pipeline, release_id, plan.export_format, out
            ):
                self.log.info("exported %d rows to %s", written.rows, written.path)

    def _waive(self, plan: Plan, epoch: int) -> str:
        """A waiver changes nothing that readers compute with, so it is no release."""
        from assay.publish import waive_rows

        if not (plan.is_waiver and plan.inputs):
            return ""
        rows = waive_rows(connect, postgres_uri(), plan, epoch)
        return f"{rows:,} quarantined rows waived"

    def _tell_assets(
        self, context: Mapping[str, Any], releases: Sequence[Mapping[str, Any]]
    ) -> None:
        """What the release made of each table, and what its records were, for the Assets page."""
        newest = releases[-1]
        batches = [release["batch_id"] for release in releases]
        with connect() as connection:
            for asset in self.outlets:
                layer, dataset = asset.name.split(".")
                of_silver: dict[str, int] = {}
                if layer == "silver" and asset.name in newest["versions"]:
                    of_silver = ledger.count_records(connection, batches, dataset)
                    of_silver["version"] = newest["versions"][asset.name]
                context["outlet_events"][asset].extra = {
                    "release": newest["release_id"],
                    "batch": newest["batch_id"],
                    "rows": newest["counts"],
                    **of_silver,
                }


def publish_all(pipeline: str, epoch: int, task: BaseOperator) -> list[dict[str, Any]]:
    """Release what is committed and not released; see `assay.publish.publish_pending`."""
    from assay.publish import publish_pending

    batches = load_settings().batches
    return publish_pending(
        connect,
        postgres_uri(),
        pipeline,
        epoch,
        lambda batch_id: read_plan(batches / batch_id / "plan.json"),
        task.log.info,
    )


def _released_by_accept(context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the first task of the run found committed and released; the Assets are told here."""
    first = context["dag"].topological_sort()[0]
    found = context["ti"].xcom_pull(task_ids=first.task_id, key=RELEASED_FIRST)
    return [*(found or [])]


def _record_dry_run(context: Mapping[str, Any], plan: Plan) -> str:
    """Keep what the run would have changed; returns it as a line."""
    stages = [stage for stage in ("build_silver", "build_gold") if plan.needs(stage)]
    change = "; ".join(latest_result(plan.folder, stage)["summary"] for stage in stages)
    summary = {"would_change": change or "nothing: no file is waiting"}
    with connect() as connection:
        ledger.record_dry_run(connection, plan, run_type=run_type_of(context), summary=summary)
    return f"dry run; would change {summary['would_change']}"

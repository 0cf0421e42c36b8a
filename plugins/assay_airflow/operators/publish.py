"""The tasks that bring a batch to Postgres: staged before the commit, published after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from assay import ledger
from assay.batch.gates import tell_in_short
from assay.batch.plan import Plan, read_plan
from assay.batch.results import latest_result
from assay.batch.states import RUNNING
from assay.events.event import Progress, TaskFinished
from assay.events.sinks import emit
from assay.settings import load_settings
from assay.words import count
from assay_airflow.attempts import planned_attempt, pull_plan_path, run_type_of
from assay_airflow.connections import connect, postgres_uri
from assay_airflow.operators.spark_stage import prepare


class StageOperator(BaseOperator):
    """Copies what the batch brings into staging tables, which refuse what Postgres cannot take."""

    def execute(self, context: Context) -> str:
        """See `assay.publish.stage.stage_batch`."""
        from assay.publish import stage_batch

        plan = read_plan(pull_plan_path(context))
        if not plan.needs("stage"):
            raise AirflowSkipException(f"stage: nothing to do for {plan.batch_id}")
        with planned_attempt(context, plan) as now:
            with connect() as connection:
                prepare(connection, plan, "stage")
                ledger.resume_batch(connection, plan.batch_id, RUNNING)
            result = stage_batch(connect, postgres_uri(), plan, now.epoch)
            now.summary = f"stage: {result.summary}"
        emit(TaskFinished(now.summary, now.metrics))
        return str(now.summary)


class PublishOperator(BaseOperator):
    """Releases every committed batch, each in one transaction; of a dry run only its summary.

    A release is told to the Assets of its tables, and exported where the run asks for it, by the
    attempt that made it or, if that was cut off after its COMMIT, by the next one.
    """

    def execute(self, context: Context) -> str:
        """See `assay.publish.publish_pending`; skipped when there is nothing to release."""
        plan = read_plan(pull_plan_path(context))
        with planned_attempt(context, plan) as now:
            if not plan.commit:
                raise AirflowSkipException(f"publish: {_record_dry_run(context, plan)}")
            with connect() as connection:
                untold = ledger.untold_releases(connection, plan.pipeline)
            found = [*untold, *publish_all(plan.pipeline, now.epoch)]
            made = {release.release_id: release for release in found}
            releases = [*made.values()]
            waived = self._waive(plan, now.epoch)
            if not releases:
                raise AirflowSkipException(f"publish: {waived or 'nothing to release'}")
            numbers = ", ".join(f"release {number}" for number in made)
            now.metrics = {"releases": [asdict(release) for release in releases]}
            now.summary = f"publish: {numbers}" + (waived and f"; {waived}")
            self._tell_assets(context, releases)
            self._export(plan, releases[-1].release_id)
        emit(TaskFinished(now.summary, now.metrics))
        return str(now.summary)

    def _export(self, plan: Plan, release_id: int) -> None:
        """What the run asked for; the release stands, whatever becomes of its files."""
        if plan.export_format is None:
            return
        from assay.operations.export import export_release

        settings = load_settings()
        out = settings.exports / plan.pipeline
        with connect() as connection:
            for written in export_release(
                settings, connection, plan.pipeline, release_id, plan.export_format, out
            ):
                rows = count(written.rows, "row")
                emit(Progress(f"exported {rows} to {written.path}"))

    def _waive(self, plan: Plan, epoch: int) -> str:
        """A waiver changes nothing that readers compute with, so it is no release."""
        from assay.publish import waive_rows

        if not plan.gives_up_rows:
            return ""
        rows = waive_rows(connect, postgres_uri(), plan, epoch)
        return f"{count(rows, 'quarantined row')} waived"

    def _tell_assets(self, context: Context, releases: Sequence[ledger.Release]) -> None:
        """What the release made of each table, and what its records were, for the Assets page."""
        newest = releases[-1]
        batches = [release.batch_id for release in releases]
        with connect() as connection:
            judged = [v for batch in batches for v in ledger.newest_verdicts(connection, batch)]
            for asset in self.outlets:
                layer, dataset = asset.name.split(".")
                of_table: dict[str, int] = {}
                if layer == "silver" and asset.name in newest.versions:
                    of_table |= ledger.count_records(connection, batches, dataset)
                if asset.name in newest.versions:
                    of_table["version"] = newest.versions[asset.name]
                context["outlet_events"][asset].extra = {
                    "release": newest.release_id,
                    "batch": newest.batch_id,
                    "rows": {**newest.counts},
                    "verdicts": tell_in_short(judged),
                    **of_table,
                }


def publish_all(pipeline: str, epoch: int) -> list[ledger.Release]:
    """Release what is committed and not released; see `assay.publish.publish_pending`."""
    from assay.publish import publish_pending

    batches = load_settings().batches
    return publish_pending(
        connect,
        postgres_uri(),
        pipeline,
        epoch,
        lambda batch_id: read_plan(batches / batch_id / "plan.json"),
    )


def _record_dry_run(context: Context, plan: Plan) -> str:
    """Keep what the run would have changed; returns it as a line."""
    stages = [stage for stage in ("build_silver", "build_gold") if plan.needs(stage)]
    change = "; ".join(latest_result(plan.folder, stage)["summary"] for stage in stages)
    summary = {"would_change": change or "nothing: no file is waiting"}
    with connect() as connection:
        ledger.record_dry_run(connection, plan, run_type=run_type_of(context), summary=summary)
    return f"dry run; would change {summary['would_change']}"

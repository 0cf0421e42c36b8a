"""The tasks around the chain that handle files: accept them first, archive them last."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import takewhile
from typing import Any

from airflow.sdk import BaseOperator, BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped

from assay import ledger
from assay.batch.params import RunParams, resolve_params
from assay.batch.plan import Plan, read_plan
from assay.batch.results import next_epoch
from assay.batch.run import Run, batch_id_of
from assay.errors import AssayError, BatchError, SettingsError
from assay.events.event import Failed, Progress, TaskFinished
from assay.events.sinks import emit, gathered
from assay.settings import load_settings
from assay.words import count
from assay_airflow.attempts import (
    attempt,
    params_of,
    person_of,
    planned_attempt,
    pull_plan_path,
    refuse,
    run_type_of,
)
from assay_airflow.connections import connect
from assay_airflow.endings import NeedsPerson
from assay_airflow.operators.publish import StageOperator, publish_all
from assay_airflow.operators.spark_stage import SparkStageOperator
from assay_airflow.task_log import begin

POKE_SECONDS = 10.0
ACTIVE = ("running", "queued")  # of a run whose batch somebody may still bring to its end


class AcceptFilesOperator(BaseSensorOperator):
    """Takes the pending files and freezes the plan; returns the plan's path.

    Before that it waits, without a process of its own, until no earlier run of the pipeline is
    active: a backfill starts ten at once, whatever the DAG's own limit is. With `from_silver` it
    takes no files, but the released versions of the datasets' silver.
    """

    def __init__(
        self,
        *,
        pipeline: str,
        datasets: Sequence[str],
        from_silver: bool = False,
        **kwargs: Any,
    ) -> None:
        # One of the waiting runs looks at a time, so that two never find the pipeline free.
        super().__init__(
            mode="reschedule", poke_interval=POKE_SECONDS, max_active_tis_per_dag=1, **kwargs
        )
        self.from_silver = from_silver
        self.pipeline = pipeline
        self.datasets = list(datasets)

    def execute(self, context: Context) -> str:
        """See `assay.intake.accept.accept_files`."""
        from assay.intake.accept import accept_files
        from assay.intake.releases import await_releases
        from assay.storage.lake_claim import claim_lake

        run = self._run(context)
        begin(batch=run.batch_id, run=run.run_id, task=self.task_id, datasets=self.datasets)
        super().execute(context)
        settings = load_settings()
        folder = settings.batches / run.batch_id
        scratch_epoch = next_epoch(str(folder)) if run.params.dry_run else None
        with attempt(
            context,
            self.pipeline,
            run.batch_id,
            scratch_epoch=scratch_epoch,
            datasets=self.datasets,
        ) as now:
            claim_lake(settings)
            if not run.params.dry_run:
                self._finish_committed(now.epoch)
            if self.from_silver:
                is_active = partial(_is_active, context)
                await_releases(connect, self.datasets, is_active)
            with gathered() as events:
                plan = accept_files(
                    settings,
                    connect,
                    run,
                    lambda other: _is_active(context, self.pipeline, other, states=ACTIVE),
                )
            now.summary = f"{self.task_id}: {events[-1]}"
        path = str(folder / "plan.json")
        self._skip_idle_stages(context, plan, path)
        return path

    def _finish_committed(self, epoch: int) -> None:
        """Release what is committed before anything is taken; publish tells the Assets of it."""
        try:
            publish_all(self.pipeline, epoch)
        except Exception as error:
            with connect() as connection:
                stuck = ledger.committed_unreleased(connection, self.pipeline)[:1]
            told = "; ".join(ledger.still_unreleased(batch) for batch in stuck)
            if isinstance(error, AssayError):
                raise BatchError(f"nothing was taken: {told} ({error})") from error
            emit(Failed(type(error).__name__, f"nothing was taken: {told}"))
            raise

    def poke(self, context: Context) -> bool:
        """Whether it is this run's turn. A dry run takes nothing, and need not wait."""
        run = self._run(context)
        if run.params.dry_run:
            return True
        with connect() as connection:
            earlier = ledger.runs_before(connection, self.pipeline, run.batch_id)
        if not (earlier and _is_active(context, self.pipeline, *earlier)):
            return True
        active = [other for other in earlier if _is_active(context, self.pipeline, other)]
        others = ", ".join(active) or "a run before"
        emit(Progress(f"{run.batch_id} waits for {others} to end"))
        return False

    def _skip_idle_stages(self, context: Context, plan: Plan, path: str) -> None:
        """Have Airflow skip the first stages that the batch does not need, without a process.

        Only a leading run: under none_failed, a task after a skipped one starts at once.
        """
        chain = context["dag"].topological_sort()  # type: ignore[no-untyped-call]
        stages = [t.task_id for t in chain if isinstance(t, SparkStageOperator | StageOperator)]
        idle = [*takewhile(lambda stage: not plan.needs(stage), stages)]
        if idle:
            context["ti"].xcom_push(key="return_value", value=path)
            raise DownstreamTasksSkipped(tasks=idle)  # type: ignore[no-untyped-call]

    def _run(self, context: Context) -> Run:
        """The run as Airflow knows it: scheduled, backfilled, or by hand without a logical date."""
        dag_run = context["dag_run"]
        params = self._params(context)
        moment = dag_run.logical_date or dag_run.run_after
        batch_date = params.batch_date or moment.date().isoformat()
        return Run(
            pipeline=self.pipeline,
            datasets=self.datasets,
            run_id=dag_run.run_id,
            run_type=run_type_of(context),
            batch_id=batch_id_of(self.pipeline, dag_run.run_id, batch_date),
            batch_date=batch_date,
            params=params,
            from_silver=self.from_silver,
            user=person_of(context),
        )

    def _params(self, context: Context) -> RunParams:
        """Airflow lets unknown fields pass in silence; here they are refused by name."""
        try:
            return resolve_params(params_of(context), from_silver=self.from_silver)
        except SettingsError as refused:
            refuse(context, self.pipeline, refused)


def _is_active(
    context: Context, dag_id: str, *run_ids: str, states: Sequence[str] = ("running",)
) -> bool:
    """Whether one of the runs is under way."""
    return context["ti"].get_dr_count(dag_id, run_ids=[*run_ids], states=[*states]) > 0


class ArchiveFilesOperator(BaseOperator):
    """Moves the files of published batches to the archive; fails when a feed has stopped.

    It is the last task of a run, so that nothing waits for a feed that is overdue.
    """

    def execute(self, context: Context) -> str:
        """See `assay.intake.archive.archive_files` and `assay.intake.overdue`."""
        from assay.intake.archive import archive_files
        from assay.intake.overdue import describe_overdue

        plan = read_plan(pull_plan_path(context))
        if not plan.commit:
            raise AirflowSkipException("archive_files: a dry run moves nothing")
        with planned_attempt(context, plan) as now, connect() as connection:
            moved = archive_files(load_settings(), connection, plan)
            now.summary = f"archive_files: {count(moved, 'file')}"
        emit(TaskFinished(now.summary, now.metrics))
        if plan.input.follows_feeds:
            with connect() as connection:
                overdue = describe_overdue(connection, plan.datasets)
                ledger.keep_error(connection, plan.batch_id, overdue or None)
            if overdue:
                raise NeedsPerson("FeedOverdue", overdue)
        return str(now.summary)

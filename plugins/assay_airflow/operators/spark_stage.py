"""Spark stages of a batch, each one attempt with an epoch, and the gates among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from assay import ledger
from assay.batch.gate_page import write_page
from assay.batch.gates import contracts_at, decide, explain, require_pass, summarise, word_for
from assay.batch.plan import Plan, read_plan
from assay.batch.results import has_result, read_failure, read_result
from assay.batch.rules import rules_version
from assay.batch.stage_results import read_gate
from assay.batch.states import COMMITTING, RUNNING
from assay.errors import BatchError
from assay.events.event import ExpectationNotMet, GateJudged, Oddity, TaskFinished
from assay.events.sinks import emit
from assay.settings import JOB_PROGRAMS, load_settings
from assay_airflow.attempts import Attempt, planned_attempt, pull_plan_path
from assay_airflow.connections import SPARK, connect
from assay_airflow.task_log import relayed, without_settings

if TYPE_CHECKING:
    from assay.spark_runtime.launch import SparkLaunch

RECORDED = (
    *("seconds", "queries", "executors"),
    *("commits", "versions", "rules", "contracts", "rounded"),
)


class SparkJobOperator(SparkSubmitOperator):  # type: ignore[misc]  # the provider is untyped
    """Runs a program of `include/spark_jobs/programs` on a file that says what to do.

    Everything that depends on the machine is filled in when the task runs, so that parsing a DAG
    file reads nothing and imports no Spark.
    """

    def __init__(
        self, *, stage: str, program: str, arguments: Sequence[str] = (), **kwargs: Any
    ) -> None:
        application = str(JOB_PROGRAMS / program)
        super().__init__(application=application, conn_id=SPARK, name=stage, **kwargs)
        self.stage = stage
        self.arguments = [*arguments]

    def run_job(
        self, context: Context, job: SparkLaunch, request: Path, epoch: int
    ) -> Mapping[str, object]:
        """Start the job and read its result; an error that it left is raised as itself."""
        self.conf, self.env_vars = job.conf, job.environment
        self._spark_binary, self._driver_memory = job.program, job.driver_memory
        self.application_args = [*self.arguments, str(request), str(epoch)]
        folder = str(request.parent)
        try:
            super().execute(context)
        except AirflowException:
            failure = read_failure(folder, self.stage, epoch)
            if failure:
                raise failure from None
            if not has_result(folder, self.stage, epoch):
                raise
            emit(Oddity(f"the application ended badly, but after {self.stage} was done"))
        return read_result(folder, self.stage, epoch)

    def _get_hook(self) -> Any:
        """The provider's, which logs its command and each line of the job; events are ours."""
        hook = super()._get_hook()
        log_lines, as_text = hook._process_spark_submit_log, hook._mask_cmd
        hook._process_spark_submit_log = lambda lines: log_lines(relayed(lines))
        hook._mask_cmd = lambda command: as_text(without_settings(command))
        return hook


class SparkStageOperator(SparkJobOperator):
    """Runs a stage on the plan of the run's batch."""

    def __init__(self, *, stage: str, **kwargs: Any) -> None:
        super().__init__(stage=stage, program="run_stage.py", arguments=[stage], **kwargs)

    def execute(self, context: Context) -> str:
        """Run the stage as one attempt; returns its summary line."""
        path = pull_plan_path(context)
        plan = read_plan(path)
        if not plan.needs(self.stage):
            raise AirflowSkipException(f"{self.stage}: nothing to do for {plan.batch_id}")
        with planned_attempt(context, plan) as now:
            with connect() as connection:
                prepare(connection, plan, self.stage)
                if plan.commit:
                    state = COMMITTING if self.stage == "commit" else RUNNING
                    ledger.resume_batch(connection, plan.batch_id, state)
            result = self._submit_and_settle(context, path, plan, now.epoch)
            now.summary = f"{self.stage}: {result['summary']}"
            now.metrics = {key: result[key] for key in RECORDED if key in result}
            self.after(plan, now)
        emit(TaskFinished(now.summary, now.metrics))
        return str(now.summary)

    def _submit_and_settle(
        self, context: Context, path: str, plan: Plan, epoch: int
    ) -> Mapping[str, object]:
        """Run the job; a commit that ends badly before it wrote anything leaves the batch free."""
        from assay.intake.cut_off_commit import settle_commit

        try:
            return self._submit(context, path, plan, epoch)
        except Exception:
            if self.stage == "commit":
                with connect() as connection:
                    settle_commit(connection, plan, epoch)
            raise

    def _submit(self, context: Context, path: str, plan: Plan, epoch: int) -> Mapping[str, object]:
        from assay.intake.archive import accepted_files_in_place
        from assay.spark_runtime.launch import launch

        job = launch(
            load_settings(),
            lock=plan.pipeline if plan.commit else plan.batch_id,
            holder=f"{plan.batch_id} {self.stage} epoch {epoch}",
        )
        with ExitStack() as stack:
            if self.stage == "ingest_bronze" and plan.commit:
                stack.enter_context(accepted_files_in_place(connect, plan))
            return self.run_job(context, job, Path(path), epoch)

    def after(self, plan: Plan, now: Attempt) -> None:
        """What is recorded of the finished job besides its summary."""
        if self.stage == "commit":
            with connect() as connection:
                ledger.record_commit(connection, plan.batch_id, now.epoch)


def prepare(connection: Any, plan: Plan, stage: str) -> None:
    """All that must be so before a stage begins; raises, or skips the task, when it is not."""
    from assay.publish.readiness import prepare_stage

    _leave_alone_if_built_upon(connection, plan)
    prepare_stage(connection, plan, stage)


def _leave_alone_if_built_upon(connection: Any, plan: Plan) -> None:
    """A batch that later batches are built on stays as it is; a changed rule needs a rebuild."""
    if not plan.commit or not ledger.is_built_upon(connection, plan.batch_id):
        return
    if ledger.rules_of_commit(connection, plan.batch_id) != rules_version(plan.datasets):
        raise BatchError(
            f"{plan.batch_id} is committed and later batches are built on it; to apply changed "
            "rules to its rows, trigger a run with full_rebuild"
        )
    raise AirflowSkipException(
        f"{plan.batch_id} is committed and later batches are built on it; left as it is"
    )


class QualityGateOperator(SparkStageOperator):
    """A Spark stage whose verdicts decide whether the batch goes on."""

    def __init__(self, *, layer: str, **kwargs: Any) -> None:
        super().__init__(stage=f"validate_{layer}", **kwargs)
        self.layer = layer

    def after(self, plan: Plan, now: Attempt) -> None:
        """Record every verdict, explain those not met, and stop the batch if they say so."""
        contracts = contracts_at(plan, self.layer)
        found = read_gate(plan.folder, self.layer, now.epoch).verdicts
        verdicts = decide(contracts, found, plan.gate_policy)
        now.summary = f"{self.stage}: {summarise(verdicts)}"
        with connect() as connection:
            ledger.record_validation(connection, plan.batch_id, now.epoch, self.layer, verdicts)
            judged = ledger.newest_verdicts(connection, plan.batch_id)
        not_met = [verdict for verdict in verdicts if not verdict.success]
        for verdict in not_met:
            emit(
                ExpectationNotMet(
                    table=verdict.table_name,
                    expectation=verdict.expectation,
                    verdict=word_for(verdict),
                    lines=tuple(explain(verdict)),
                )
            )
        page = str(write_page(load_settings(), plan.batch_id, judged))
        emit(GateJudged(self.layer, len(verdicts), len(not_met), page))
        require_pass(verdicts)

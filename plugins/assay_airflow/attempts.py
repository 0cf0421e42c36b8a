"""One attempt of one task: its epoch, its row in the ledger, and how it may end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import NoReturn, cast

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from assay import ledger
from assay.batch.plan import Plan
from assay.batch.results import next_epoch
from assay.batch.run import RunType, batch_id_of
from assay.errors import AssayError, FencedError, ObjectStoreError
from assay.operations.asked_by import who_asked, without_person
from assay_airflow.connections import connect, use_object_store
from assay_airflow.endings import NeedsPerson, TaskEnded
from assay_airflow.task_log import begin

REFUSED = 0  # the epoch of an attempt that took no lease, for its run was refused


@dataclass
class Attempt:
    """What a task knows of itself; `summary` and `metrics` are kept when it ends."""

    batch_id: str
    task_id: str
    epoch: int
    recorded: bool
    summary: str = ""
    metrics: Mapping[str, object] = field(default_factory=dict)


def run_type_of(context: Context) -> RunType:
    """What started the run; an enumeration of Airflow, whose `str` is not its value."""
    return cast("RunType", context["dag_run"].run_type.value)


def person_of(context: Context) -> str:
    """Who triggered the run, `airflow` when nobody did; and for whom, when a command says so."""
    dag_run = context["dag_run"]
    user = getattr(dag_run, "triggering_user_name", None) or "airflow"
    return who_asked(user, dag_run.conf)


def params_of(context: Context) -> dict[str, object]:
    """What the run was given, with the fields that Airflow lets pass in silence."""
    return without_person({**context["params"], **(context["dag_run"].conf or {})})


def refuse(context: Context, pipeline: str, error: AssayError) -> NoReturn:
    """End a run whose params cannot be used; kept in the books, for its note.

    It takes no epoch: an attempt of another run may be under way.
    """
    dag_run, instance = context["dag_run"], context["ti"]
    day = (dag_run.logical_date or dag_run.run_after).date().isoformat()
    sentence = f"the run is refused: {error}. Next: trigger it again with other params"
    batch_id, task_id = batch_id_of(pipeline, dag_run.run_id, day), instance.task_id
    begin(batch=batch_id, run=dag_run.run_id, task=task_id)
    with connect() as connection:
        ledger.start_task(
            connection,
            batch_id=batch_id,
            task_id=task_id,
            epoch=REFUSED,
            try_number=instance.try_number,
        )
        ledger.finish_task(
            connection,
            batch_id=batch_id,
            task_id=task_id,
            epoch=REFUSED,
            state="FAILED",
            error=sentence,
        )
    raise NeedsPerson(type(error).__name__, sentence) from None


def pull_plan_path(context: Context) -> str:
    """The path of the plan that the first task froze for this run."""
    first = context["dag"].topological_sort()[0]  # type: ignore[no-untyped-call]
    path: str = context["ti"].xcom_pull(task_ids=first.task_id)
    return path


def planned_attempt(context: Context, plan: Plan) -> AbstractContextManager[Attempt]:
    """An attempt of a task that has a plan. A dry run takes no lease."""
    return attempt(
        context,
        plan.pipeline,
        plan.batch_id,
        scratch_epoch=None if plan.commit else next_epoch(plan.folder),
        datasets=plan.active or plan.datasets,
    )


def own_attempt(context: Context) -> AbstractContextManager[Attempt]:
    """An attempt of a run that has no batch: its attempts are kept like those of one."""
    dag_run = context["dag_run"]
    day = (dag_run.logical_date or dag_run.run_after).date().isoformat()
    batch_id = batch_id_of(dag_run.dag_id, dag_run.run_id, day)
    return attempt(context, dag_run.dag_id, batch_id, scratch_epoch=None)


@contextmanager
def attempt(
    context: Context,
    pipeline: str,
    batch_id: str,
    *,
    scratch_epoch: int | None,
    datasets: Sequence[str] = (),
) -> Iterator[Attempt]:
    """Take the next epoch and record the attempt, and translate errors.

    With a `scratch_epoch`, of a dry run, no lease is taken and no attempt recorded.

    An AssayError needs a person and fails the task for good, unless it is an outage; that and
    anything else may be retried.
    """
    if os.environ.get("ASSAY_LAKE") or os.environ.get("ASSAY_FILES"):
        use_object_store()
    instance = context["ti"]
    holder = f"{context['run_id']} {instance.task_id} try {instance.try_number}"
    with connect() as connection:
        epoch = scratch_epoch or ledger.take_epoch(connection, pipeline, holder)
        now = Attempt(batch_id, instance.task_id, epoch, recorded=scratch_epoch is None)
        begin(
            batch=batch_id,
            run=context["run_id"],
            task=instance.task_id,
            epoch=epoch,
            datasets=datasets,
        )
        if now.recorded:
            ledger.start_task(
                connection,
                batch_id=batch_id,
                task_id=instance.task_id,
                epoch=epoch,
                try_number=instance.try_number,
            )
    told: AssayError | None = None
    ending, error = "FAILED", "the attempt was interrupted"
    try:
        yield now
        ending, error = "SUCCESS", ""
    except AirflowSkipException as skip:
        ending, error, now.summary = "SKIPPED", "", str(skip)
        raise
    except AssayError as failure:
        ending, error = ("FENCED" if isinstance(failure, FencedError) else "FAILED"), str(failure)
        told = failure
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
        raise
    finally:
        _finish(now, ending, error)
    if told is not None:
        _end(now, told)


def _end(ended: Attempt, error: AssayError) -> NoReturn:
    """End the task with one sentence: what is wrong, and what to do."""
    if isinstance(error, ObjectStoreError):
        raise TaskEnded(type(error).__name__, f"{error}; Airflow tries again a few times")
    step = ""
    if not isinstance(error, FencedError):  # a newer attempt goes on with the batch
        with connect() as connection:
            step = ledger.next_step(connection, ended.batch_id)
    raise NeedsPerson(type(error).__name__, f"{error}. {step}" if step else str(error))


def _finish(ended: Attempt, ending: str, error: str) -> None:
    """Record the end; a failed attempt fails its batch until a later one goes on with it."""
    with connect() as connection:
        if ended.recorded:
            ledger.finish_task(
                connection,
                batch_id=ended.batch_id,
                task_id=ended.task_id,
                epoch=ended.epoch,
                state=ending,
                summary=ended.summary,
                metrics=ended.metrics,
                error=error or None,
            )
        if ending == "FAILED":
            told = f"{ended.task_id}: {error}"
            ledger.fail_batch(connection, ended.batch_id, told, epoch=ended.epoch)

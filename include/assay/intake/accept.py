"""The first task of a batch: take the pending files, judge them, and freeze the plan.

The order makes a retry safe: take, inspect, record, move, and the plan last. Whatever an attempt
that was cut off has done, the next one finds and completes; once the plan exists, it is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import psycopg

from assay.batch.plan import Plan, read_plan, write_plan
from assay.batch.run import Run, batch_id_of
from assay.batch.states import COMMITTING, DRY_RUN, EMPTY, GIVEN_UP, RUNNING
from assay.contracts.load import contracts_of
from assay.errors import BatchError
from assay.events.event import PlanFrozen
from assay.events.sinks import emit
from assay.intake.cut_off_commit import settle_commit
from assay.intake.delivery_order import write_delivery_order
from assay.intake.held import IsActive, refusal_of
from assay.intake.landing import Intake, Landing
from assay.intake.moves import hold_files
from assay.intake.planning import add_quarantined_rows, describe_plan, make_plan
from assay.intake.take import batch_folders
from assay.ledger import (
    batch_state,
    batches_in_state,
    current_generation,
    fail_batch,
    generation_of,
    next_generation,
    require_no_rollback,
    set_batch_state,
    start_batch,
    take_epoch,
)
from assay.quarantine.selection import explain_unnamed
from assay.settings import Settings
from assay.spark_runtime.submit import is_locked

__all__ = ["Run", "accept_files", "batch_id_of"]


def accept_files(
    settings: Settings,
    connect: Callable[[], psycopg.Connection[Any]],
    run: Run,
    is_active: IsActive = lambda _: True,
) -> Plan:
    """Resolve a run into its plan; a retry gets the plan that is frozen already.

    `is_active` says of another run of the pipeline whether it is under way.

    Raises BatchError when an interrupted commit must be completed first, when the batch has been
    abandoned, when the run took nothing but a batch that is stuck holds files that it asks for, or
    when it names nothing in quarantine.
    """
    path = settings.batches / run.batch_id / "plan.json"
    with hold_files(settings, run.pipeline), connect() as connection:
        _refuse_unfinished(settings, connection, run)
        if path.is_file():
            plan = read_plan(path)
            emit(_frozen(plan, describe_plan(plan), is_new=False))
            return plan
        generation = _register(connection, run)
        intake = Intake()
        if run.kind.takes_files:
            folders = batch_folders(settings, run.batch_id, dry_run=run.params.dry_run)
            intake = Landing(settings, connection, run, folders, is_active).take_in()
        if intake.held and intake.takes_none:
            _end(connection, run, refusal_of(intake.held))
        if unnamed := explain_unnamed(connection, run.datasets, run.movement):
            _end(connection, run, unnamed)
        plan = make_plan(settings, connection, run, generation, intake.seen)
        plan = add_quarantined_rows(connection, plan)
        write_delivery_order(connection, plan)
        _record_outcome(connection, run, plan)
        write_plan(plan)
    emit(_frozen(plan, intake.summary(_nothing_new(run) or describe_plan(plan)), is_new=True))
    return plan


def _frozen(plan: Plan, summary: str, *, is_new: bool) -> PlanFrozen:
    return PlanFrozen(
        batch=plan.batch_id,
        source=plan.input.source,
        files=len(plan.slices),
        records=sum(file.records for file in plan.slices),
        summary=summary,
        is_new=is_new,
    )


def _nothing_new(run: Run) -> str:
    day = run.only_day if run.kind.takes_files else None
    return f"nothing new: no file of {day} is waiting" if day else ""


def _end(connection: psycopg.Connection[Any], run: Run, why: str) -> NoReturn:
    """The batch is over, without a plan; cleared, its first task looks again."""
    state = DRY_RUN if run.params.dry_run else EMPTY
    set_batch_state(connection, run.batch_id, state, error=why)
    raise BatchError(why)


def _refuse_unfinished(settings: Settings, connection: psycopg.Connection[Any], run: Run) -> None:
    require_no_rollback(connection, run.pipeline)
    state = batch_state(connection, run.batch_id)
    if state in GIVEN_UP:
        raise BatchError(f"{run.batch_id}: is {state}; trigger a new run")
    for other in batches_in_state(connection, run.pipeline, [COMMITTING]):
        if other != run.batch_id and _settle(settings, connection, run.pipeline, other):
            raise BatchError(
                f"{other}: its commit was interrupted, and no other batch may go on before it is"
                f" complete; run `assay batch retry {other}`, or undo it with"
                f" `assay release rollback --batch {other} --why ...`"
            )


def _settle(
    settings: Settings, connection: psycopg.Connection[Any], pipeline: str, batch_id: str
) -> bool:
    """Whether a commit that was cut off has written something; if not, its batch is free again."""
    if is_locked(settings.locks / f"{pipeline}.lock"):  # its job may still be at it
        return True
    plan = read_plan(settings.batches / batch_id / "plan.json")
    epoch = take_epoch(connection, pipeline, f"settle {batch_id}")
    state = settle_commit(connection, plan, epoch)
    if state == RUNNING:
        error = "commit: was cut off before it wrote anything"
        fail_batch(connection, batch_id, error, epoch=epoch)
    return state == COMMITTING


def _register(connection: psycopg.Connection[Any], run: Run) -> int:
    """Record the batch as started, and return the ledger generation that it was given."""
    number = next_generation if run.kind.builds_anew else current_generation
    start_batch(
        connection,
        batch_id=run.batch_id,
        pipeline=run.pipeline,
        run_id=run.run_id,
        run_type=run.run_type,
        batch_date=run.batch_date,
        generation=number(connection, run.pipeline),
        source=run.kind.source,
        contract_versions={c.table: c.version for c in contracts_of(run.datasets)},
    )
    if run.params.dry_run:
        set_batch_state(connection, run.batch_id, DRY_RUN)
    return generation_of(connection, run.batch_id)


def _record_outcome(connection: psycopg.Connection[Any], run: Run, plan: Plan) -> None:
    state = EMPTY if plan.is_empty else RUNNING
    set_batch_state(
        connection,
        run.batch_id,
        state if plan.commit else DRY_RUN,
        manifest_hash=plan.input.identity(),
    )

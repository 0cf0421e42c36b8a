"""The first task of a batch: take the pending files, judge them, and freeze the plan.

The order makes a retry safe: take, inspect, record, move, and the plan last. Whatever an attempt
that was cut off has done, the next one finds and completes; once the plan exists, it is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from assay.contract import contracts_of
from assay.errors import BatchError
from assay.landing.days import say_days
from assay.landing.judge import JudgedFile, describe, inspect_taken, judge_files, move_judged
from assay.landing.moves import hold_files
from assay.landing.planning import add_quarantined_rows, describe_plan, make_plan
from assay.landing.take import (
    Folders,
    TakenFile,
    batch_folders,
    clear_scratch,
    pending_files,
    remove_taking,
    take_files,
    taken_files,
)
from assay.ledger import (
    Delivery,
    batch_holding,
    batch_state,
    batches_in_state,
    current_generation,
    deliveries,
    next_generation,
    record_deliveries,
    set_batch_state,
    start_batch,
)
from assay.ledger.query import fetch_value
from assay.plan import Plan, read_plan, write_plan
from assay.run import Run, batch_id_of
from assay.settings import Settings

__all__ = ["Run", "accept_files", "batch_id_of"]

Say = Callable[[str], None]


def accept_files(
    settings: Settings, connect: Callable[[], psycopg.Connection[Any]], run: Run, say: Say
) -> Plan:
    """Resolve a run into its plan; a retry gets the plan that is frozen already.

    Raises BatchError when an interrupted commit must be completed first, or when the batch has
    been abandoned.
    """
    path = settings.batches / run.batch_id / "plan.json"
    with hold_files(settings, run.pipeline), connect() as connection:
        _refuse_unfinished(connection, run)
        if path.is_file():
            plan = read_plan(path)
            say(f"plan of {plan.batch_id} is frozen: {describe_plan(plan)}")
            return plan
        generation = _register(connection, run)
        folders = batch_folders(settings, run.batch_id, dry_run=run.params.dry_run)
        takes_files = run.source == "files"
        seen = _accept(settings, connection, run, folders, say) if takes_files else []
        plan = make_plan(settings, connection, run, generation, seen)
        plan = add_quarantined_rows(connection, plan)
        _record_outcome(connection, run, plan)
        write_plan(plan)
    if takes_files and run.only_day and not seen:
        say(f"nothing new: no file of {run.only_day} is waiting")
    else:
        say(describe(seen) if seen else describe_plan(plan))
    return plan


def _refuse_unfinished(connection: psycopg.Connection[Any], run: Run) -> None:
    if batch_state(connection, run.batch_id) == "ABANDONED":
        raise BatchError(f"{run.batch_id}: was abandoned; trigger a new run")
    for other in batches_in_state(connection, run.pipeline, ["COMMITTING"]):
        if other != run.batch_id:
            raise BatchError(
                f"{other}: its commit was interrupted, and no other batch may go on before it is"
                f" complete; run `assay batch retry {other}`"
            )


def _register(connection: psycopg.Connection[Any], run: Run) -> int:
    """Record the batch as started, and return the ledger generation that it was given."""
    is_rebuild = run.source == "bronze"
    generation = (next_generation if is_rebuild else current_generation)(connection, run.pipeline)
    start_batch(
        connection,
        batch_id=run.batch_id,
        pipeline=run.pipeline,
        run_id=run.run_id,
        run_type=run.run_type,
        batch_date=run.batch_date,
        generation=generation,
        source=run.source,
        contract_versions={c.table: c.version for c in contracts_of(run.datasets)},
    )
    if run.params.dry_run:
        set_batch_state(connection, run.batch_id, "DRY_RUN")
    recorded: int = fetch_value(
        connection, "SELECT generation FROM ops.batch WHERE batch_id = %s", [run.batch_id]
    )
    return recorded


def _accept(
    settings: Settings,
    connection: psycopg.Connection[Any],
    run: Run,
    folders: Folders,
    say: Say,
) -> list[Delivery]:
    """Take, inspect, record and move; what an earlier attempt has recorded stands."""
    clear_scratch(folders)
    recorded = deliveries(connection, run.batch_id)
    if not recorded:
        for dataset in run.datasets:
            names = pending_files(
                settings,
                dataset,
                run.params.landing_glob,
                run.only_day,
                patches=run.params.source == "patch",
            )
            if run.only_day:
                say_days(settings, dataset, run.params.landing_glob, run.only_day, names, say)
            take_files(settings, dataset, names, folders)
    taken = taken_files(folders, run.datasets)
    if recorded:
        judged = _match_recorded(taken, recorded)
    else:
        found = inspect_taken(taken, say)
        contents = [(d.dataset, d.file_id) for d in found if d.verdict == "accepted"]
        held = batch_holding(connection, run.pipeline, contents, besides=run.batch_id)
        judged = judge_files(taken, found, held, folders, run.batch_id)
        recorded = [file.delivery for file in judged]
        if not folders.dry_run:
            record_deliveries(connection, run.batch_id, recorded)
    for file in judged:
        if file.delivery.verdict != "accepted":
            delivery = file.delivery
            say(f"{delivery.verdict} {delivery.source_file!r}: {delivery.reason}")
    move_judged(judged)
    remove_taking(folders)
    return recorded


def _match_recorded(taken: list[TakenFile], recorded: list[Delivery]) -> list[JudgedFile]:
    """Find, for the files that an earlier attempt left behind, the verdicts it recorded."""
    known = {(d.dataset, d.source_file): d for d in recorded}
    return [JudgedFile(file, known[file.dataset, file.source_file]) for file in taken]


def _record_outcome(connection: psycopg.Connection[Any], run: Run, plan: Plan) -> None:
    has_work = plan.has_work or (plan.is_waiver and plan.inputs)
    state = "RUNNING" if has_work else "EMPTY"
    set_batch_state(
        connection,
        run.batch_id,
        state if plan.commit else "DRY_RUN",
        manifest_hash=plan.manifest_hash,
    )

"""The ways out of a stuck batch: give its files back, or go on without one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg

from assay.addresses import Place, as_place
from assay.batch_states import (
    ABANDONED,
    BEFORE_COMMIT,
    COMMITTING,
    DRY_RUN,
    EMPTY,
    FAILED,
    ROLLED_BACK,
    RUNNING,
    BatchState,
)
from assay.errors import BatchError
from assay.inputs import Slices
from assay.landing.filenames import fit_name
from assay.landing.judge import reason_path, write_reason
from assay.landing.moves import hold_files, move_file, sync_folders
from assay.landing.take import (
    batch_folders,
    give_back,
    place_in_landing,
    remove_taking,
    taken_files,
)
from assay.ledger import (
    Delivery,
    batch_holding,
    batch_state,
    deliveries,
    record_deliveries,
    set_batch_state,
    take_epoch,
)
from assay.ledger.query import Connection, fetch_value
from assay.objects import exists, folders_in
from assay.plan import Plan, read_plan, write_plan
from assay.readiness import settle_commit
from assay.settings import Settings
from assay.slices import Slice
from assay.stack.submit import is_locked


def abandon_batch(
    settings: Settings, connection: psycopg.Connection[Any], batch_id: str, who: str, why: str
) -> int:
    """Give the files of a batch back to landing, and return how many; a repeat completes it.

    Raises BatchError when the lake holds, or may hold, the rows of the batch.
    """
    pipeline = _pipeline_of(connection, batch_id)
    with hold_files(settings, pipeline):
        state = batch_state(connection, batch_id)
        if state == COMMITTING and not is_locked(settings.locks / f"{pipeline}.lock"):
            state = settle_commit(connection, read_plan(settings.batches / batch_id / "plan.json"))
        if state in (EMPTY, DRY_RUN, ROLLED_BACK):
            raise BatchError(f"{batch_id}: is {state}; it has no files to give back")
        _fence(connection, pipeline, batch_id, state, f"abandon {batch_id}")
        return return_files(settings, connection, batch_id, who, why)


def return_files(
    settings: Settings,
    connection: psycopg.Connection[Any],
    batch_id: str,
    who: str,
    why: str,
) -> int:
    """Abandon a batch of which no attempt lives; to be called while the files are held."""
    set_batch_state(connection, batch_id, ABANDONED, error=f"abandoned by {who}: {why}")
    return complete_return(settings, connection, batch_id)


def complete_return(settings: Settings, connection: psycopg.Connection[Any], batch_id: str) -> int:
    """Give back what an abandoned batch still has, and return how many files that was."""
    returned = _return_taken(settings, batch_id)
    for delivery in _still_accepted(settings, connection, batch_id):
        source = as_place(delivery.location)
        dataset = _dataset_of(settings, source)
        place = place_in_landing(settings, dataset, delivery.source_file, source)
        returned += move_file(source, place)
        sync_folders([source, place])
        record_deliveries(connection, batch_id, [replace(delivery, location=str(place))])
    return returned


def _fence(
    connection: Connection, pipeline: str, batch_id: str, state: BatchState | None, holder: str
) -> None:
    """Overtake an attempt of the batch that may live; the attempts of other batches go on."""
    has_newest = """
        SELECT EXISTS (
            SELECT FROM ops.batch_task AS task
            JOIN ops.pipeline_lease AS lease USING (epoch)
            WHERE task.batch_id = %s AND lease.pipeline = %s
        )
    """
    if state == RUNNING or (
        state == FAILED and fetch_value(connection, has_newest, [batch_id, pipeline])
    ):
        take_epoch(connection, pipeline, holder)


def _return_taken(settings: Settings, batch_id: str) -> int:
    """Give back what was taken and never judged, because accept_files was cut off."""
    folders = batch_folders(settings, batch_id, dry_run=False)
    taken = taken_files(folders, folders_in(folders.taking))
    returned = sum(give_back(settings, file, folders) for file in taken)
    remove_taking(folders)
    return returned


def _still_accepted(settings: Settings, connection: Connection, batch_id: str) -> list[Delivery]:
    """Accepted files that no other batch has accepted since."""
    own = [
        delivery
        for delivery in deliveries(connection, batch_id)
        if delivery.verdict == "accepted"
        and as_place(delivery.location).is_relative_to(settings.accepted)
    ]
    contents = [(d.dataset, d.slice_id) for d in own]
    held = batch_holding(connection, contents, besides=batch_id)
    return [delivery for delivery in own if (delivery.dataset, delivery.slice_id) not in held]


def reject_file(
    settings: Settings,
    connection: psycopg.Connection[Any],
    batch_id: str,
    slice_id: str,
    reason: str,
    dataset: str = "",
) -> str:
    """Let a batch go on without one file, and return its name; a repeat completes it.

    The dataset is asked for only when the same content was delivered to several of them.

    The batch must then run again from ingest_bronze. Raises BatchError when the lake holds, or
    may hold, its rows, or when the plan has no such file.
    """
    pipeline = _pipeline_of(connection, batch_id)
    with hold_files(settings, pipeline):
        state = batch_state(connection, batch_id)
        if state not in BEFORE_COMMIT:
            raise BatchError(f"{batch_id}: is {state}; a file is rejected before its batch commits")
        plan = read_plan(settings.batches / batch_id / "plan.json")
        file = _file_of_plan(plan, slice_id, dataset)
        delivery = _mark_rejected(settings, connection, batch_id, file, reason)
        source, place = as_place(file.path), as_place(delivery.location)
        write_reason(place, reason)
        move_file(source, place)
        sync_folders([source, place])
        rest = _without(plan, file)
        write_plan(rest)
        _fence(connection, pipeline, batch_id, state, f"reject-file {batch_id}")
        set_batch_state(
            connection,
            batch_id,
            state if rest.has_work else EMPTY,
            error=f"{delivery.source_file!r} was rejected: {reason}" if rest.has_work else None,
            manifest_hash=rest.input.identity(),
        )
    return delivery.source_file


def _file_of_plan(plan: Plan, slice_id: str, dataset: str) -> Slice:
    listed = [
        file
        for file in plan.slices
        if slice_id and file.slice_id.startswith(slice_id) and dataset in ("", file.dataset)
    ]
    if len({file.slice_id for file in listed}) == 1 < len(listed):
        names = ", ".join(sorted(file.dataset for file in listed))
        raise BatchError(
            f"{plan.batch_id}: {slice_id!r} was delivered to several datasets; name one with"
            f" --dataset: {names}"
        )
    if len(listed) != 1:
        names = ", ".join(f"{f.slice_id[:12]} {f.source_file!r}" for f in plan.slices[:10])
        raise BatchError(f"{plan.batch_id}: {slice_id!r} is not one of its files: {names}")
    return listed[0]


def _without(plan: Plan, gone: Slice) -> Plan:
    """The plan of the other files; a dataset without one has nothing more to do in it."""
    files = [file for file in plan.slices if file != gone]
    delivered = {file.dataset for file in files}
    given = replace(plan.input, slices=files) if isinstance(plan.input, Slices) else plan.input
    return replace(plan, input=given, active=[d for d in plan.active if d in delivered])


def _mark_rejected(
    settings: Settings, connection: Connection, batch_id: str, file: Slice, reason: str
) -> Delivery:
    delivery = next(
        d
        for d in deliveries(connection, batch_id)
        if (d.dataset, d.slice_id, d.source_file) == (file.dataset, file.slice_id, file.source_file)
    )
    if delivery.verdict == "rejected":  # an earlier attempt came this far
        return delivery
    folder = settings.rejected / _dataset_of(settings, as_place(file.path)) / batch_id
    place = folder / file.source_file
    place = place.with_name(fit_name(place.name))
    if exists(place) or exists(reason_path(place)):
        place = place.with_name(fit_name(place.name, f".{file.slice_id[:8]}"))
    rejected = replace(delivery, verdict="rejected", reason=reason, location=str(place))
    record_deliveries(connection, batch_id, [rejected])
    return rejected


def _dataset_of(settings: Settings, accepted: Place) -> str:
    return accepted.relative_to(settings.accepted).parts[0]


def _pipeline_of(connection: Connection, batch_id: str) -> str:
    pipeline: str | None = fetch_value(
        connection, "SELECT pipeline FROM ops.batch WHERE batch_id = %s", [batch_id]
    )
    if pipeline is None:
        raise BatchError(f"{batch_id}: no such batch; see `assay batch list`")
    return pipeline

"""Letting a stuck batch go on without one of its files."""

from __future__ import annotations

from dataclasses import replace

from assay.batch.plan import Plan, read_plan, write_plan
from assay.batch.slices import Slice
from assay.batch.states import BEFORE_COMMIT, EMPTY
from assay.errors import BatchError
from assay.intake.filenames import fit_name
from assay.intake.judge import reason_path, write_reason
from assay.intake.moves import hold_files, move_file, sync_folders
from assay.intake.returns import dataset_of
from assay.ledger import (
    Delivery,
    batch_state,
    deliveries,
    overtake,
    record_deliveries,
    run_of_batch,
    set_batch_state,
)
from assay.ledger.query import Connection
from assay.ledger.stream_slices import recorded_slices
from assay.operations.stream_slices import set_apart
from assay.settings import Settings
from assay.storage.addresses import as_place
from assay.storage.objects import exists


def reject_file(
    settings: Settings,
    connection: Connection,
    batch_id: str,
    slice_id: str,
    reason: str,
    dataset: str = "",
) -> str:
    """Let a batch go on without one file, and return its name; a repeat completes it.

    A slice that a stream has recorded is rejected for every batch, and its file stays where it is.

    The dataset is asked for only when the same content was delivered to several of them.

    The batch must then run again from ingest_bronze. Raises BatchError when the lake holds, or
    may hold, its rows, or when the plan has no such file.
    """
    pipeline = run_of_batch(connection, batch_id).pipeline
    with hold_files(settings, pipeline):
        state = batch_state(connection, batch_id)
        if state not in BEFORE_COMMIT:
            raise BatchError(f"{batch_id}: is {state}; a file is rejected before its batch commits")
        plan = read_plan(settings.batches / batch_id / "plan.json")
        file = _file_of_plan(plan, slice_id, dataset)
        delivery = _mark_rejected(settings, connection, batch_id, file, reason)
        source, place = as_place(file.path), as_place(delivery.location)
        if place == source:
            set_apart(connection, file, f"{reason} (left out of {batch_id})")
        else:
            write_reason(place, reason)
            move_file(source, place)
            sync_folders([source, place])
        rest = _without(plan, file)
        write_plan(rest)
        overtake(connection, pipeline, batch_id, state, f"reject-file {batch_id}")
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
    given = plan.input.without(gone)
    delivered = {file.dataset for file in given.slices_taken()}
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
    if recorded_slices(connection, [(file.dataset, file.slice_id)]):
        rejected = replace(delivery, verdict="rejected", reason=reason)
        record_deliveries(connection, batch_id, [rejected])
        return rejected
    folder = settings.rejected / dataset_of(settings, as_place(file.path)) / batch_id
    place = folder / file.source_file
    place = place.with_name(fit_name(place.name))
    if exists(place) or exists(reason_path(place)):
        place = place.with_name(fit_name(place.name, f".{file.slice_id[:8]}"))
    rejected = replace(delivery, verdict="rejected", reason=reason, location=str(place))
    record_deliveries(connection, batch_id, [rejected])
    return rejected

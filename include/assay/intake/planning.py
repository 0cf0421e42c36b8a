"""From a run and the files that it has seen to the plan of its batch."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.parquet as pq

from assay import ledger
from assay.batch.inputs import (
    Input,
    Patch,
    Rebuild,
    Releases,
    Replay,
    Slices,
    Waiver,
    manifest_hash,
    slices_of,
)
from assay.batch.plan import GatePolicy, Plan
from assay.batch.run import Run
from assay.batch.slices import FileSlice, Slice
from assay.ledger import Delivery
from assay.ledger.feeds import datasets_with_records
from assay.ledger.order import last_manifest
from assay.ledger.query import Connection
from assay.quarantine.selection import select_rows
from assay.settings import Settings
from assay.words import count


def make_plan(
    settings: Settings,
    connection: Connection,
    run: Run,
    generation: int,
    seen: list[Delivery],
) -> Plan:
    """The plan of a run that has seen these deliveries."""
    params = run.params
    folder = settings.batches / run.batch_id
    given = _input(connection, run, [_slice(d) for d in seen if d.verdict == "accepted"])
    # Without files the bronze that there is gets read, also when it is only tried out.
    scratch = params.dry_run and run.takes_files
    return Plan(
        batch_id=run.batch_id,
        pipeline=run.pipeline,
        datasets=run.datasets,
        run_id=run.run_id,
        batch_date=run.batch_date,
        input=given,
        active=_active(connection, run.datasets, given),
        commit=not params.dry_run,
        generation=generation,
        export_format=params.export_format,
        gate_policy=GatePolicy(params.gate_policy, run.user, params.override_reason or ""),
        folder=str(folder),
        lake=str(settings.lake),
        bronze_lake=str(folder / "scratch" / "lake" if scratch else settings.lake),
    )


def add_quarantined_rows(connection: Connection, plan: Plan) -> Plan:
    """Freeze which quarantined rows matter; of a replay or a waiver they are the input."""
    if plan.movement is None and not isinstance(plan.input, Rebuild):
        return plan
    found = select_rows(connection, plan)
    if not isinstance(plan.input, Replay | Waiver):
        return plan
    return replace(plan, active=[name for name in plan.datasets if name in found])


def _input(connection: Connection, run: Run, taken: list[Slice]) -> Input:
    kind, movement = run.kind, run.movement
    if kind is Rebuild:
        return Rebuild(ledger.bronze_batches(connection, run.pipeline))
    if kind is Releases:
        return Releases(_released_silver(connection, run))
    if movement is None:
        return Slices(taken)
    if kind is Patch:
        return Patch(taken, movement)
    return Replay(movement) if kind is Replay else Waiver(movement)


def _slice(delivery: Delivery) -> Slice:
    """An accepted delivery as the plan lists it."""
    return FileSlice(
        dataset=delivery.dataset,
        format=delivery.format,
        slice_id=delivery.slice_id,
        path=delivery.location,
        source_file=delivery.source_file,
        records=delivery.records,
        size_bytes=delivery.size_bytes,
        header=delivery.header,
        slice_date=delivery.slice_date,
    )


def _active(connection: Connection, datasets: list[str], given: Input) -> list[str]:
    """The datasets that have records to go through silver."""
    rebuilt = given.batches if isinstance(given, Rebuild) else []
    found = {file.dataset for file in slices_of(given) if file.records}
    found |= datasets_with_records(connection, rebuilt)
    return [dataset for dataset in datasets if dataset in found]


def _released_silver(connection: Connection, run: Run) -> dict[str, int]:
    """Dataset → version of its silver that readers see; empty when the last batch had the same.

    A full rebuild builds from the same versions once more.
    """
    released = ledger.released_silver(connection, run.datasets)
    seen_before = manifest_hash([], [], released) == last_manifest(connection, run.pipeline)
    return {} if seen_before and not run.params.full_rebuild else released


def describe_plan(plan: Plan) -> str:
    """One line for a person: what the plan will do."""
    match plan.input:
        case Releases(versions=versions) if versions:
            listed = ", ".join(f"silver.{name}@{v}" for name, v in sorted(versions.items()))
            return f"from {listed}"
        case Rebuild(batches=batches) if batches:
            return f"rebuild from {count(len(batches), 'batch')} in bronze"
        case Replay() | Waiver() as moving:
            if not plan.active:
                return "nothing in quarantine matches"
            rows = pq.read_metadata(plan.quarantine_rows).num_rows
            what = "waived" if isinstance(moving, Waiver) else "judged anew"
            return f"{count(rows, 'quarantined row')} to be {what}"
    if not plan.has_work:
        return f"no record in {count(len(plan.slices), 'file')}" if plan.slices else "nothing new"
    records = sum(file.records for file in plan.slices)
    return f"{count(len(plan.slices), 'file')}, {count(records, 'record')} accepted"

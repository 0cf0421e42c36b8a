"""From a run and the files that it has seen to the plan of its batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from assay import ledger
from assay.batch.input_kind import Movement, manifest_hash
from assay.batch.inputs import Input
from assay.batch.plan import GatePolicy, Plan
from assay.batch.run import Run
from assay.batch.slices import FileSlice, Slice
from assay.ledger import Delivery
from assay.ledger.feeds import datasets_with_records
from assay.ledger.order import last_manifest
from assay.ledger.query import Connection
from assay.ledger.stream_slices import recorded_slices
from assay.quarantine.selection import select_rows
from assay.settings import Settings


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
    given = run.kind.resolve(_Found(connection, run, seen))
    # Without files the bronze that there is gets read, also when it is only tried out.
    scratch = params.dry_run and run.kind.takes_files
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
    if not plan.input.asks_ledger:
        return plan
    found = select_rows(connection, plan)
    if not plan.input.takes_rows:
        return plan
    return replace(plan, active=[name for name in plan.datasets if name in found])


@dataclass(frozen=True)
class _Found:
    """What there is for a run, by its params, the deliveries that it has seen and the books."""

    connection: Connection
    run: Run
    seen: list[Delivery]

    def slices(self) -> list[Slice]:
        accepted = [delivery for delivery in self.seen if delivery.verdict == "accepted"]
        of_streams = recorded_slices(
            self.connection, [(d.dataset, d.slice_id) for d in accepted if d.kind == "stream"]
        )
        return [of_streams.get((d.dataset, d.slice_id)) or slice_of(d) for d in accepted]

    def movement(self) -> Movement:
        return self.run.asked_movement

    def batches_in_bronze(self) -> list[str]:
        return ledger.bronze_batches(self.connection, self.run.pipeline)

    def released_silver(self) -> dict[str, int]:
        """A full rebuild builds from the same versions once more."""
        released = ledger.released_silver(self.connection, self.run.datasets)
        last = last_manifest(self.connection, self.run.pipeline)
        seen_before = manifest_hash([], [], released) == last
        return {} if seen_before and not self.run.params.full_rebuild else released


def slice_of(delivery: Delivery) -> Slice:
    """An accepted file as the plan lists it."""
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
    found = {taken.dataset for taken in given.slices_taken() if taken.records}
    found |= datasets_with_records(connection, given.batches_again())
    return [dataset for dataset in datasets if dataset in found]


def describe_plan(plan: Plan) -> str:
    """One line for a person: what the plan will do."""
    return plan.input.describe(plan.active, lambda: pq.read_metadata(plan.quarantine_rows).num_rows)

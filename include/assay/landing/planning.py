"""From a run and the files that it has seen to the plan of its batch."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.parquet as pq

from assay import ledger
from assay.batch_states import PUBLISHED
from assay.ledger import Delivery
from assay.ledger.query import Connection, fetch_all
from assay.plan import GatePolicy, ManifestFile, Plan, manifest_hash
from assay.quarantine.selection import select_rows
from assay.run import Run
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
    files = [_manifest_file(d) for d in seen if d.verdict == "accepted"]
    rebuild = ledger.bronze_batches(connection, run.pipeline) if run.source == "bronze" else []
    # Without files the bronze that there is gets read, also when it is only tried out.
    scratch = params.dry_run and run.source == "files"
    return Plan(
        batch_id=run.batch_id,
        pipeline=run.pipeline,
        datasets=run.datasets,
        run_id=run.run_id,
        batch_date=run.batch_date,
        inputs=_inputs(connection, run, files, rebuild),
        source=run.source,
        commit=not params.dry_run,
        generation=generation,
        files=files,
        rebuild_batches=rebuild,
        export_format=params.export_format,
        gate_policy=GatePolicy(params.gate_policy, run.user, params.override_reason or ""),
        folder=str(folder),
        lake=str(settings.lake),
        silver_versions=_released_silver(connection, run) if run.source == "silver" else {},
        movement=run.movement,
        bronze_lake=str(folder / "scratch" / "lake" if scratch else settings.lake),
    )


def add_quarantined_rows(connection: Connection, plan: Plan) -> Plan:
    """Freeze which quarantined rows matter; of a replay or a waiver they are the input."""
    if plan.movement is None and plan.source != "bronze":
        return plan
    found = select_rows(connection, plan)
    if plan.source != "quarantine":
        return plan
    return replace(plan, inputs=[dataset for dataset in plan.datasets if dataset in found])


def _manifest_file(delivery: Delivery) -> ManifestFile:
    """An accepted delivery as the plan lists it."""
    return ManifestFile(
        dataset=delivery.dataset,
        format=delivery.format,
        file_id=delivery.file_id,
        path=delivery.location,
        source_file=delivery.source_file,
        records=delivery.records,
        size_bytes=delivery.size_bytes,
        header=delivery.header,
        slice_date=delivery.slice_date,
    )


def _inputs(
    connection: Connection, run: Run, files: list[ManifestFile], rebuild: list[str]
) -> list[str]:
    """The datasets of the run that have records to go through silver."""
    delivered = fetch_all(
        connection,
        "SELECT DISTINCT dataset FROM ops.batch_file"
        " WHERE batch_id = ANY(%s) AND verdict = 'accepted' AND records > 0",
        [rebuild],
    )
    found = {file.dataset for file in files if file.records} | {dataset for (dataset,) in delivered}
    return [dataset for dataset in run.datasets if dataset in found]


def _released_silver(connection: Connection, run: Run) -> dict[str, int]:
    """Dataset → version of its silver that readers see; empty when the last batch had the same.

    A full rebuild builds from the same versions once more.
    """
    released = ledger.released_silver(connection, run.datasets)
    last = fetch_all(
        connection,
        "SELECT manifest_hash FROM ops.batch WHERE pipeline = %s AND state = %s"
        " ORDER BY commit_epoch DESC LIMIT 1",
        [run.pipeline, PUBLISHED],
    )
    seen_before = [(manifest_hash([], [], released),)] == last
    return {} if seen_before and not run.params.full_rebuild else released


def describe_plan(plan: Plan) -> str:
    """One line for a person: what the plan will do."""
    if plan.silver_versions:
        listed = ", ".join(f"silver.{name}@{v}" for name, v in sorted(plan.silver_versions.items()))
        return f"from {listed}"
    if plan.source == "bronze" and plan.has_work:
        return f"rebuild from {len(plan.rebuild_batches):,} batches in bronze"
    if plan.source == "quarantine" and plan.inputs:
        rows = pq.read_metadata(plan.quarantine_rows).num_rows
        return f"{rows:,} quarantined rows to be {'waived' if plan.is_waiver else 'judged anew'}"
    if not plan.has_work:
        files = f"no record in {len(plan.files):,} files" if plan.files else "nothing new"
        return "nothing in quarantine matches" if plan.source == "quarantine" else files
    records = sum(file.records for file in plan.files)
    return f"{len(plan.files):,} files, {records:,} records accepted"

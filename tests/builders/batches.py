"""Batches on a lake of a test's own: plans from generated files, and their stages run in turn."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from assay.batch.inputs import Rebuild, Slices
from assay.batch.plan import GatePolicy, Plan
from assay.batch.results import next_epoch, write_result
from assay.batch.slices import FileSlice, Slice
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.intake import delivery_order
from assay.intake.filenames import file_date
from assay.intake.records import inspect_file, matching_suffix
from assay.quarantine.selection import SCHEMA
from spark_jobs.chain import STAGES

BUILD = ("build_silver", "build_gold", "commit")
TAKEN = "taken.json"
LOAD = ("ingest_bronze", *BUILD)


def make_plan(home: Path, batch_id: str, files: Sequence[Path], **changes: Any) -> Plan:
    """The plan that accept_files would freeze; the files are copied to where it takes them."""
    facts = Plan(
        batch_id=batch_id,
        pipeline="trades",
        datasets=["trades"],
        active=["trades"],
        run_id=f"run of {batch_id}",
        batch_date="2026-01-01",
        commit=True,
        generation=1,
        input=Slices([take(home, file) for file in files]),
        gate_policy=GatePolicy(),
        folder=str(home / "batches" / batch_id),
        lake=str(home / "lake"),
        bronze_lake=str(home / "lake"),
    )
    plan = replace(facts, **changes)
    Path(plan.folder).mkdir(parents=True, exist_ok=True)
    pq.write_table(_delivered(home), plan.delivery_order)
    if isinstance(plan.input, Rebuild):  # no row has been patched or waived
        pq.write_table(SCHEMA.empty_table(), plan.quarantine_rows)
    return plan


def _delivered(home: Path) -> pa.Table:
    """The files that were taken so far, by their day, then in the order in which they were."""
    rows = json.loads((home / TAKEN).read_text()) if (home / TAKEN).is_file() else []
    last = {(dataset, slice_id): (n, day) for n, (dataset, slice_id, day) in enumerate(rows)}
    return pa.Table.from_pylist(
        [
            {
                "dataset": dataset,
                "file_id": slice_id,
                "batch_id": "",
                "delivery": f"{day} {number:019d}",
                "is_committed": False,
            }
            for (dataset, slice_id), (number, day) in last.items()
        ],
        delivery_order.SCHEMA,
    )


def take(
    home: Path, file: Path, dataset: str = "trades", contract: Contract | None = None
) -> Slice:
    """Copy a delivered file to `accepted/<slice_id><suffix>` and count its records."""
    contract = contract or load_contract("bronze", dataset)
    found = inspect_file(file, contract)
    accepted = home / "accepted" / (found.slice_id + matching_suffix(file.name, contract))
    accepted.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, accepted)
    taken = json.loads((home / TAKEN).read_text()) if (home / TAKEN).is_file() else []
    taken.append((dataset, found.slice_id, file_date(file.name, 0)))
    (home / TAKEN).write_text(json.dumps(taken))
    return FileSlice(
        dataset=dataset,
        format=found.format,
        slice_id=found.slice_id,
        path=str(accepted),
        source_file=file.name,
        records=found.records,
        size_bytes=found.size_bytes,
        header=found.header,
    )


@dataclass
class Lake:
    """One lake and the epochs of its pipeline, which has run before."""

    spark: SparkSession
    home: Path
    epoch: int = 10
    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    def copy(self, home: Path) -> Lake:
        """The same tables elsewhere, for a test that changes them."""
        shutil.copytree(self.home / "lake", home / "lake")
        return Lake(self.spark, home, self.epoch)

    def plan(self, batch_id: str, files: Sequence[Path] = (), **changes: Any) -> Plan:
        return make_plan(self.home, batch_id, files, **changes)

    def run(self, plan: Plan, *stages: str, epoch: int | None = None) -> dict[str, Any]:
        """Run stages as attempts with rising epochs; returns the result of the last."""
        result: dict[str, Any] = {}
        for stage in stages:
            self.epoch = max(self.epoch, next_epoch(plan.folder) - 1) + 1
            attempt = self.epoch if epoch is None else epoch
            result = STAGES[stage](self.spark, plan, attempt).as_facts()
            write_result(plan.folder, stage, attempt, result)
            self.results[stage] = result
        return result

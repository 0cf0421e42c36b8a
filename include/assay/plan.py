"""The plan of a batch: resolved once by accept_files, frozen as JSON, read by every task.

No task and no job looks at a param again; what a run shall do stands in its plan.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Literal

from assay.contract import Contract, gold_contracts
from assay.errors import BatchError
from assay.files import write_whole


@dataclass(frozen=True)
class ManifestFile:
    """One accepted file.

    `records` is the count by the Python reader, independent of Spark; `header` the column names
    as delivered; `source_file` the name it was delivered under; `format` how it is read;
    `slice_date` the day it belongs to.
    """

    dataset: str
    format: str
    file_id: str
    path: str
    source_file: str
    records: int
    size_bytes: int
    header: list[str]
    slice_date: str = ""


@dataclass(frozen=True)
class GatePolicy:
    """`override` lets an overridable expectation fail; who and why are recorded."""

    mode: Literal["strict", "override"] = "strict"
    user: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Movement:
    """How, by whom and why rows leave quarantine, and which; `only_…` is None for all."""

    how: Literal["replayed", "patched", "waived"]
    who: str
    why: str
    only_dataset: str | None = None
    only_batch: str | None = None
    only_reason: str | None = None


@dataclass(frozen=True)
class Plan:
    """What one batch shall do.

    A batch whose files have no record has nothing to do, and is EMPTY.
    `source` is `files` (read the manifest), `bronze` (rebuild from `rebuild_batches`), `quarantine`
    (rows that are to leave it) or `silver` (gold of several pipelines alone, from the released
    `silver_versions`). `inputs` are those of the pipeline's `datasets` that have records in this
    batch. `commit` is false for a dry run, whose bronze lies in a scratch lake below `folder`.
    `generation` numbers the row ledger; a full rebuild starts the next one. `movement` is set when
    rows are to leave quarantine, by a replay, a patch or a waiver.
    """

    batch_id: str
    pipeline: str
    datasets: list[str]
    run_id: str
    batch_date: str
    inputs: list[str]
    source: Literal["files", "bronze", "silver", "quarantine"]
    commit: bool
    generation: int
    files: list[ManifestFile]
    rebuild_batches: list[str]
    gate_policy: GatePolicy
    folder: str
    lake: str
    bronze_lake: str
    silver_versions: dict[str, int] = field(default_factory=dict)
    export_format: str | None = None
    movement: Movement | None = None

    @property
    def quarantine_rows(self) -> str:
        """Parquet file of the quarantined rows that matter to this batch; see `selection`."""
        return self.work("quarantine_rows.parquet")

    @property
    def delivery_order(self) -> str:
        """Parquet file of the order in which files were delivered; see `landing.delivery_order`."""
        return self.work("delivery_order.parquet")

    @property
    def is_patch(self) -> bool:
        return self.movement is not None and self.movement.how == "patched"

    @property
    def is_replay(self) -> bool:
        return self.movement is not None and self.movement.how == "replayed"

    @property
    def is_waiver(self) -> bool:
        return self.movement is not None and self.movement.how == "waived"

    @property
    def gold(self) -> list[Contract]:
        """The gold tables that the input of this batch can change."""
        tables = gold_contracts(self.datasets)
        if self.source == "silver":
            return [table for table in tables if len(table.datasets) > 1]
        return [table for table in tables if {*table.datasets} & {*self.inputs}]

    def files_of(self, dataset: str) -> list[ManifestFile]:
        """The files of one of the pipeline's datasets."""
        return [file for file in self.files if file.dataset == dataset]

    @property
    def manifest_hash(self) -> str:
        """Identity of the input of this batch."""
        files = [file.file_id for file in self.files]
        return manifest_hash(files, self.rebuild_batches, self.silver_versions)

    @property
    def input_bytes(self) -> float:
        """Size of the files to read; a rebuild, which reads bronze, has no bound."""
        reads_bronze = self.source in ("bronze", "quarantine")
        return inf if reads_bronze else sum(f.size_bytes for f in self.files)

    @property
    def has_work(self) -> bool:
        """Whether there is anything that the Spark stages have to do."""
        return self._has_records or bool(self.silver_versions)

    @property
    def _has_records(self) -> bool:
        replays = self.is_replay and bool(self.inputs)
        delivered = any(file.records for file in self.files)
        return delivered or bool(self.rebuild_batches) or replays

    @property
    def first_build(self) -> str:
        """The task from which a batch is built again."""
        return "build_gold" if self.source == "silver" else "build_silver"

    def needs(self, stage: str) -> bool:
        """Whether this batch has anything to do in a stage."""
        if stage in ("ingest_bronze", "validate_bronze"):
            return any(file.records for file in self.files)
        if stage in ("build_silver", "validate_silver"):
            return self._has_records
        if stage in ("build_gold", "validate_gold"):
            return self.has_work and bool(self.gold)
        return self.has_work and (self.commit or stage not in ("stage", "commit"))

    def asks_ledger(self, stage: str) -> bool:
        """Whether a stage depends on what the ledger says of quarantine when its task starts."""
        if stage == "build_silver":
            return bool(self.movement) or self.source == "bronze"
        return stage == "commit" and bool(self.movement)

    def table(self, layer: str, name: str) -> str:
        """Path of a Delta table of the lake."""
        root = self.bronze_lake if layer == "bronze" else self.lake
        return f"{root}/{layer}/{name}"

    def work(self, *parts: str) -> str:
        """Path of an intermediate result of this batch."""
        return "/".join([self.folder, *parts])


def manifest_hash(files: Sequence[str], batches: Sequence[str], versions: Mapping[str, int]) -> str:
    """One hash of content hashes of files, of batches in their order, and of table versions."""
    pinned = [f"{name}@{version}" for name, version in sorted(versions.items())]
    content = "\n".join([*sorted(files), *batches, *pinned])
    return hashlib.sha256(content.encode()).hexdigest()


def write_plan(plan: Plan) -> Path:
    """Freeze the plan as `<folder>/plan.json`; a reader sees all of it or nothing."""
    path = Path(plan.folder) / "plan.json"
    write_whole(path, json.dumps(dataclasses.asdict(plan), indent=1))
    return path


def read_plan(path: Path | str) -> Plan:
    """Read a frozen plan. Raises BatchError when there is none."""
    try:
        facts: dict[str, Any] = json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise BatchError(f"{path}: no plan; clear accept_files to make one") from None
    return Plan(
        **{
            **facts,
            "files": [ManifestFile(**file) for file in facts["files"]],
            "gate_policy": GatePolicy(**facts["gate_policy"]),
            "movement": Movement(**facts["movement"]) if facts.get("movement") else None,
        }
    )

"""The plan of a batch: resolved once by accept_files, frozen as JSON, read by every task.

No task and no job looks at a param again; what a run shall do stands in its plan.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from assay.batch.input_kind import Movement
from assay.batch.inputs import INPUTS, Input
from assay.batch.slices import Slice, slice_from_facts
from assay.contracts.load import gold_contracts
from assay.contracts.model import Contract
from assay.errors import BatchError
from assay.storage.files import write_whole


@dataclass(frozen=True)
class GatePolicy:
    """`override` lets an overridable expectation fail; who and why are recorded."""

    mode: Literal["strict", "override"] = "strict"
    user: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """What one batch shall do.

    A batch whose slices have no record has nothing to do, and is EMPTY.
    `active` are those of the pipeline's `datasets` that have records in this batch. `commit` is
    false for a dry run, whose bronze lies in a scratch lake below `folder`. `generation` numbers
    the row ledger; a full rebuild starts the next one.
    """

    batch_id: str
    pipeline: str
    datasets: list[str]
    run_id: str
    batch_date: str
    input: Input
    active: list[str]
    commit: bool
    generation: int
    gate_policy: GatePolicy
    folder: str
    lake: str
    bronze_lake: str
    export_format: str | None = None

    @property
    def slices(self) -> list[Slice]:
        return self.input.slices_taken()

    @property
    def movement(self) -> Movement | None:
        return self.input.moves()

    @property
    def quarantine_rows(self) -> str:
        """Parquet file of the quarantined rows that matter to this batch; see `selection`."""
        return self.work("quarantine_rows.parquet")

    @property
    def delivery_order(self) -> str:
        """Parquet file of the order in which files were delivered; see `intake.delivery_order`."""
        return self.work("delivery_order.parquet")

    @property
    def gold(self) -> list[Contract]:
        """The gold tables that the input of this batch can change."""
        return self.input.gold_of(gold_contracts(self.datasets), self.active)

    def slices_of(self, dataset: str) -> list[Slice]:
        """The slices of one of the pipeline's datasets."""
        return [taken for taken in self.slices if taken.dataset == dataset]

    @property
    def has_work(self) -> bool:
        """Whether there is anything that the Spark stages have to do."""
        return self.input.has_work(self.active)

    @property
    def gives_up_rows(self) -> bool:
        """Whether quarantined rows are left out for good, which is the work of no stage."""
        return self.input.gives_up_rows and bool(self.active)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do at all."""
        return not (self.has_work or self.gives_up_rows)

    def needs(self, stage: str) -> bool:
        """Whether this batch has anything to do in a stage."""
        if stage in ("ingest_bronze", "validate_bronze"):
            return self.input.delivers()
        if stage in ("build_silver", "validate_silver"):
            return self.input.has_records(self.active)
        if stage in ("build_gold", "validate_gold"):
            return self.has_work and bool(self.gold)
        return self.has_work and (self.commit or stage not in ("stage", "commit"))

    def table(self, layer: str, name: str) -> str:
        """Path of a Delta table of the lake."""
        root = self.bronze_lake if layer == "bronze" else self.lake
        return f"{root}/{layer}/{name}"

    def work(self, *parts: str) -> str:
        """Path of an intermediate result of this batch."""
        return "/".join([self.folder, *parts])


def write_plan(plan: Plan) -> Path:
    """Freeze the plan as `<folder>/plan.json`; a reader sees all of it or nothing."""
    path = Path(plan.folder) / "plan.json"
    facts = {**dataclasses.asdict(plan), "input": plan.input.as_facts()}
    write_whole(path, json.dumps(facts, indent=1))
    return path


def read_plan(path: Path | str) -> Plan:
    """Read a frozen plan. Raises BatchError when there is none."""
    try:
        facts: dict[str, Any] = json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise BatchError(f"{path}: no plan; clear accept_files to make one") from None
    is_of_before = "input" not in facts
    told = {
        **facts,
        "input": _from_facts_of_before(facts) if is_of_before else _from_facts(facts["input"]),
        "active": facts["inputs" if is_of_before else "active"],
        "gate_policy": GatePolicy(**facts["gate_policy"]),
    }
    return Plan(
        **{field.name: told[field.name] for field in dataclasses.fields(Plan) if field.name in told}
    )


def _from_facts(facts: Mapping[str, Any]) -> Input:
    """The input that `as_facts` told, or did when all slices were files."""
    cls = INPUTS["slices" if facts["kind"] == "files" else facts["kind"]]
    told = {**facts}
    if "files" in facts:
        told["slices"] = [*map(_slice_of_before, facts["files"])]
    made = {field.name: told[field.name] for field in dataclasses.fields(cls)}
    if "slices" in made:
        made["slices"] = [*map(slice_from_facts, made["slices"])]
    if "movement" in made:
        made["movement"] = Movement(**made["movement"])
    return cls(**made)


def _slice_of_before(file: Mapping[str, Any]) -> dict[str, Any]:
    """A slice as a plan tells it, from a file as one of before did."""
    rest = {name: fact for name, fact in file.items() if name != "file_id"}
    return {"kind": "file", "slice_id": file["file_id"], **rest}


def _from_facts_of_before(facts: Mapping[str, Any]) -> Input:
    """The input of a plan that was frozen when all kinds shared the fields of the plan."""
    moved = {**(facts.get("movement") or {})}
    how = moved.pop("how", None)
    kind = {"replayed": "replay", "patched": "patch", "waived": "waiver"}.get(how)
    told = {
        "kind": kind or {"bronze": "rebuild", "silver": "releases"}.get(facts["source"], "files"),
        "files": facts["files"],
        "movement": moved,
        "batches": facts["rebuild_batches"],
        "versions": facts.get("silver_versions", {}),
    }
    return _from_facts(told)

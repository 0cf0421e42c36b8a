"""What a batch is made from: one of six kinds of input, each of which knows what follows from it.

A new kind is a class here and in `Input`, and has a name in plans (`assay.batch.plan.KINDS`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Literal

from assay.batch.slices import Slice
from assay.contracts.model import Contract

Source = Literal["files", "bronze", "silver", "quarantine"]  # as `ops.batch` has it
How = Literal["replayed", "patched", "waived"]


@dataclass(frozen=True)
class Movement:
    """By whom and why rows leave quarantine, and which; `only_…` is None for all."""

    who: str
    why: str
    only_dataset: str | None = None
    only_batch: str | None = None
    only_reason: str | None = None


@dataclass(frozen=True)
class _Input:
    """What holds of most inputs.

    `active` are always the datasets of the pipeline that have records in the batch.
    """

    source: ClassVar[Source]
    how: ClassVar[How | None] = None  # rows leave quarantine by it
    # Stages that depend on what the ledger says of quarantine when their task starts.
    asks_ledger: ClassVar[Collection[str]] = ()
    makes_silver: ClassVar[bool] = True
    first_build: ClassVar[str] = "build_silver"
    adds_to_gold: ClassVar[bool] = False  # else every group of a gold table is made anew
    quarantines: ClassVar[bool] = True

    def delivers(self) -> bool:
        """Whether there are records to bring into bronze."""
        return False

    def has_records(self, active: Sequence[str]) -> bool:
        """Whether there are records to bring into silver."""
        return self.delivers()

    def has_work(self, active: Sequence[str]) -> bool:
        """Whether there is anything that the Spark stages have to do."""
        return self.has_records(active)

    def bytes_to_read(self) -> float:
        """Size of what a stage reads; of bronze and silver there is no bound."""
        return inf

    def identity(self) -> str:
        """One hash of what the batch is made from."""
        return manifest_hash([], [], {})

    def gold_of(self, tables: Iterable[Contract], active: Sequence[str]) -> list[Contract]:
        """Which gold tables it can change."""
        return [table for table in tables if {*table.datasets} & {*active}]


@dataclass(frozen=True)
class Slices(_Input):
    """Slices that are new to the pipeline: delivered files."""

    slices: list[Slice]
    source: ClassVar[Source] = "files"
    adds_to_gold: ClassVar[bool] = True

    def delivers(self) -> bool:
        return any(taken.records for taken in self.slices)

    def bytes_to_read(self) -> float:
        return sum(taken.size_bytes for taken in self.slices)

    def identity(self) -> str:
        return manifest_hash([taken.slice_id for taken in self.slices], [], {})


_MOVING = ("build_silver", "commit")


@dataclass(frozen=True)
class Patch(Slices):
    """Delivered files whose records take the place of quarantined rows."""

    movement: Movement
    how: ClassVar[How] = "patched"
    asks_ledger: ClassVar[Collection[str]] = _MOVING


@dataclass(frozen=True)
class Rebuild(_Input):
    """All that these batches have brought into bronze, in their order."""

    batches: list[str]
    source: ClassVar[Source] = "bronze"
    asks_ledger: ClassVar[Collection[str]] = ("build_silver",)

    def has_records(self, active: Sequence[str]) -> bool:
        return bool(self.batches)

    def identity(self) -> str:
        return manifest_hash([], self.batches, {})


@dataclass(frozen=True)
class Replay(_Input):
    """Quarantined rows, judged anew; what is still bad stays where it is."""

    movement: Movement
    source: ClassVar[Source] = "quarantine"
    how: ClassVar[How] = "replayed"
    asks_ledger: ClassVar[Collection[str]] = _MOVING
    quarantines: ClassVar[bool] = False

    def has_records(self, active: Sequence[str]) -> bool:
        return bool(active)


@dataclass(frozen=True)
class Waiver(_Input):
    """Quarantined rows that are given up; nothing is built."""

    movement: Movement
    source: ClassVar[Source] = "quarantine"
    how: ClassVar[How] = "waived"
    asks_ledger: ClassVar[Collection[str]] = _MOVING


@dataclass(frozen=True)
class Releases(_Input):
    """Dataset → version of silver that readers see, of several pipelines; empty for nothing new."""

    versions: dict[str, int]
    source: ClassVar[Source] = "silver"
    makes_silver: ClassVar[bool] = False
    first_build: ClassVar[str] = "build_gold"

    def has_work(self, active: Sequence[str]) -> bool:
        return bool(self.versions)

    def bytes_to_read(self) -> float:
        return 0

    def identity(self) -> str:
        return manifest_hash([], [], self.versions)

    def gold_of(self, tables: Iterable[Contract], active: Sequence[str]) -> list[Contract]:
        return [table for table in tables if len(table.datasets) > 1]


Input = Slices | Patch | Rebuild | Replay | Waiver | Releases


def slices_of(given: Input) -> list[Slice]:
    """The slices of an input; none of one that is made from something else."""
    return given.slices if isinstance(given, Slices) else []


def movement_of(given: Input) -> Movement | None:
    """Which rows leave quarantine by an input; None of one that moves none."""
    return given.movement if isinstance(given, Patch | Replay | Waiver) else None


def manifest_hash(
    slices: Sequence[str], batches: Sequence[str], versions: Mapping[str, int]
) -> str:
    """One hash of slice ids, of batches in their order, and of table versions."""
    pinned = [f"{name}@{version}" for name, version in sorted(versions.items())]
    content = "\n".join([*sorted(slices), *batches, *pinned])
    return hashlib.sha256(content.encode()).hexdigest()

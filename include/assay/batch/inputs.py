"""What a batch is made from: one of six kinds of input, each of which knows what follows from it.

A new kind is a class here and in `INPUTS` and `Input`. What may be asked of one, and what holds
unless it says otherwise, is in `assay.batch.input_kind`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from assay.batch.input_kind import Found, How, InputKind, Movement, Purpose, Source
from assay.batch.slices import Slice, count_slices
from assay.contracts.model import Contract
from assay.words import count


@dataclass(frozen=True)
class Slices(InputKind):
    """Slices that are new to the pipeline: delivered files, and what streams have recorded."""

    slices: list[Slice]
    kind: ClassVar[str] = "slices"
    source: ClassVar[Source] = "files"
    takes_files: ClassVar[bool] = True
    follows_feeds: ClassVar[bool] = True
    adds_to_gold: ClassVar[bool] = True

    @classmethod
    def resolve(cls, found: Found) -> Self:
        return cls(found.slices())

    def slices_taken(self) -> list[Slice]:
        return self.slices

    def counted(self, dataset: str) -> dict[str, int]:
        return {taken.slice_id: taken.records for taken in self.slices if taken.dataset == dataset}

    def bytes_to_read(self) -> float:
        return sum(taken.size_bytes for taken in self.slices)

    def without(self, gone: Slice) -> Self:
        return replace(self, slices=[taken for taken in self.slices if taken != gone])

    def describe(self, active: Sequence[str], quarantined: Callable[[], int]) -> str:
        if not self.slices:
            return "nothing new"
        files = count_slices([taken.kind for taken in self.slices])
        records = sum(taken.records for taken in self.slices)
        return (
            f"{files}, {count(records, 'record')} accepted" if records else f"no record in {files}"
        )


_MOVING = ("build_silver", "commit")


@dataclass(frozen=True)
class Patch(Slices):
    """Delivered files whose records take the place of quarantined rows."""

    movement: Movement
    kind: ClassVar[str] = "patch"
    how: ClassVar[How] = "patched"
    follows_feeds: ClassVar[bool] = False
    asks_ledger: ClassVar[Collection[str]] = _MOVING
    replaces_rows: ClassVar[bool] = True

    @classmethod
    def resolve(cls, found: Found) -> Self:
        return cls(found.slices(), found.movement())

    def moves(self) -> Movement:
        return self.movement


@dataclass(frozen=True)
class Rebuild(InputKind):
    """All that these batches have brought into bronze, in their order."""

    batches: list[str]
    kind: ClassVar[str] = "rebuild"
    source: ClassVar[Source] = "bronze"
    asks_ledger: ClassVar[Collection[str]] = ("build_silver",)
    purpose: ClassVar[Purpose] = "rebuild"
    builds_anew: ClassVar[bool] = True

    @classmethod
    def resolve(cls, found: Found) -> Self:
        return cls(found.batches_in_bronze())

    def batches_again(self) -> list[str]:
        return self.batches

    def has_records(self, active: Sequence[str]) -> bool:
        return bool(self.batches)

    def describe(self, active: Sequence[str], quarantined: Callable[[], int]) -> str:
        batches = count(len(self.batches), "batch")
        return f"rebuild from {batches} in bronze" if self.batches else "nothing new"


@dataclass(frozen=True)
class _Rows(InputKind):
    """Quarantined rows that a person has asked for."""

    movement: Movement
    source: ClassVar[Source] = "quarantine"
    takes_rows: ClassVar[bool] = True
    asks_ledger: ClassVar[Collection[str]] = _MOVING
    fate: ClassVar[str]  # what is to become of them

    @classmethod
    def resolve(cls, found: Found) -> Self:
        return cls(found.movement())

    def moves(self) -> Movement:
        return self.movement

    def describe(self, active: Sequence[str], quarantined: Callable[[], int]) -> str:
        if not active:
            return "nothing in quarantine matches"
        return f"{count(quarantined(), 'quarantined row')} to be {self.fate}"


@dataclass(frozen=True)
class Replay(_Rows):
    """Quarantined rows, judged anew; what is still bad stays where it is."""

    kind: ClassVar[str] = "replay"
    how: ClassVar[How] = "replayed"
    fate: ClassVar[str] = "judged anew"
    purpose: ClassVar[Purpose] = "replay"
    quarantines: ClassVar[bool] = False

    def has_records(self, active: Sequence[str]) -> bool:
        return bool(active)


@dataclass(frozen=True)
class Waiver(_Rows):
    """Quarantined rows that are given up; nothing is built."""

    kind: ClassVar[str] = "waiver"
    how: ClassVar[How] = "waived"
    fate: ClassVar[str] = "waived"
    gives_up_rows: ClassVar[bool] = True


@dataclass(frozen=True)
class Releases(InputKind):
    """Dataset → version of silver that readers see, of several pipelines; empty for nothing new."""

    versions: dict[str, int]
    kind: ClassVar[str] = "releases"
    source: ClassVar[Source] = "silver"
    makes_silver: ClassVar[bool] = False
    first_build: ClassVar[str] = "build_gold"

    @classmethod
    def resolve(cls, found: Found) -> Self:
        return cls(found.released_silver())

    def silver_versions(self) -> dict[str, int]:
        return self.versions

    def bytes_to_read(self) -> float:
        return 0

    def gold_of(self, tables: Iterable[Contract], active: Sequence[str]) -> list[Contract]:
        return [table for table in tables if len(table.datasets) > 1]

    def describe(self, active: Sequence[str], quarantined: Callable[[], int]) -> str:
        listed = ", ".join(f"silver.{name}@{v}" for name, v in sorted(self.versions.items()))
        return f"from {listed}" if listed else "nothing new"


Input = Slices | Patch | Rebuild | Replay | Waiver | Releases
INPUTS: Mapping[str, type[Input]] = {
    each.kind: each for each in (Slices, Patch, Rebuild, Replay, Waiver, Releases)
}

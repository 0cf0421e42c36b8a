"""What may be asked of any input, and the usual answers.

Whoever needs something of an input asks for that, and never which of the kinds it is. A kind
gives its own answer where the usual one is not true of it; see `assay.batch.inputs`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Literal, Protocol, Self

from assay.batch.slices import Slice, slice_as_facts
from assay.contracts.model import Contract

Source = Literal["files", "bronze", "silver", "quarantine"]  # as `ops.batch` has it
How = Literal["replayed", "patched", "waived"]
# Rows of quarantine that matter: those that are open; of a rebuild, those that were patched or
# waived; of a replay, the open ones that are no record of a patch.
Purpose = Literal["open", "rebuild", "replay"]


@dataclass(frozen=True)
class Movement:
    """By whom and why rows leave quarantine, and which; `only_…` is None for all."""

    who: str
    why: str
    only_dataset: str | None = None
    only_batch: str | None = None
    only_reason: str | None = None


class Found(Protocol):
    """What a run finds when it is resolved; only what its kind of input asks for is looked up."""

    def slices(self) -> list[Slice]:
        """The slices that the run has taken."""

    def movement(self) -> Movement:
        """What a person asked to leave quarantine."""

    def batches_in_bronze(self) -> list[str]:
        """The batches whose bronze counts, in the order of their commits."""

    def released_silver(self) -> dict[str, int]:
        """Dataset → version that readers see; empty when the last batch was made from the same."""


@dataclass(frozen=True)
class InputKind(ABC):
    """What holds of most inputs.

    `active` are always the datasets of the pipeline that have records in the batch.
    """

    kind: ClassVar[str]  # as a plan calls it
    source: ClassVar[Source]
    how: ClassVar[How | None] = None  # rows leave quarantine by it

    # Before the plan: what a run of this kind takes.
    takes_files: ClassVar[bool] = False  # from landing
    takes_rows: ClassVar[bool] = False  # from quarantine: they are what it is made from
    follows_feeds: ClassVar[bool] = False  # so it tells of a feed that has stopped

    # Stages that depend on what the ledger says of quarantine when their task starts, and for what.
    asks_ledger: ClassVar[Collection[str]] = ()
    purpose: ClassVar[Purpose] = "open"

    makes_silver: ClassVar[bool] = True
    # Silver and quarantine are made from nothing, so the row ledger begins a generation.
    builds_anew: ClassVar[bool] = False
    first_build: ClassVar[str] = "build_silver"
    adds_to_gold: ClassVar[bool] = False  # else every group of a gold table is made anew

    # Its bad records go into quarantine. Where they do not, they are there already and stay, and
    # the records of the change set are the rows that leave.
    quarantines: ClassVar[bool] = True
    replaces_rows: ClassVar[bool] = False  # each record names the quarantined row it stands for
    gives_up_rows: ClassVar[bool] = False  # for no batch, so that nothing is built

    @classmethod
    @abstractmethod
    def resolve(cls, found: Found) -> Self:
        """The input of a run of this kind."""

    def slices_taken(self) -> list[Slice]:
        """The slices that it brings; none of an input that is made from something else."""
        return []

    def moves(self) -> Movement | None:
        """Which rows leave quarantine by it; None of one that moves none."""
        return None

    def batches_again(self) -> list[str]:
        """The batches whose bronze is built from once more, in the order of their commits."""
        return []

    def silver_versions(self) -> dict[str, int]:
        """Dataset → version of silver that gold is made from, instead of the one that stands."""
        return {}

    def delivers(self) -> bool:
        """Whether there are records to bring into bronze."""
        return any(taken.records for taken in self.slices_taken())

    def counted(self, dataset: str) -> dict[str, int] | None:
        """slice_id → records, counted independently of Spark; None where nothing was counted."""
        return None

    def has_records(self, active: Sequence[str]) -> bool:
        """Whether there are records to bring into silver."""
        return self.delivers()

    def has_work(self, active: Sequence[str]) -> bool:
        """Whether there is anything that the Spark stages have to do."""
        return self.has_records(active) or bool(self.silver_versions())

    def bytes_to_read(self) -> float:
        """Size of what a stage reads; of bronze and silver there is no bound."""
        return inf

    def identity(self) -> str:
        """One hash of what the batch is made from."""
        slices = [taken.slice_id for taken in self.slices_taken()]
        return manifest_hash(slices, self.batches_again(), self.silver_versions())

    def gold_of(self, tables: Iterable[Contract], active: Sequence[str]) -> list[Contract]:
        """Which gold tables it can change."""
        return [table for table in tables if {*table.datasets} & {*active}]

    def without(self, gone: Slice) -> Self:
        """The same without one slice, where it has that."""
        return self

    def describe(self, active: Sequence[str], quarantined: Callable[[], int]) -> str:
        """What the batch will do, in a few words; `quarantined` counts the rows it is made from."""
        return "nothing new"

    def as_facts(self) -> dict[str, object]:
        """For JSON: the kind and its fields."""
        slices = [slice_as_facts(taken) for taken in self.slices_taken()]
        return {
            "kind": self.kind,
            **dataclasses.asdict(self),
            **({"slices": slices} if slices else {}),
        }


def manifest_hash(
    slices: Sequence[str], batches: Sequence[str], versions: Mapping[str, int]
) -> str:
    """One hash of slice ids, of batches in their order, and of table versions."""
    pinned = [f"{name}@{version}" for name, version in sorted(versions.items())]
    content = "\n".join([*sorted(slices), *batches, *pinned])
    return hashlib.sha256(content.encode()).hexdigest()

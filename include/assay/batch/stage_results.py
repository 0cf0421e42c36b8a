"""What the stages of a batch hand on, in types; `results` says where it lies as JSON.

A field with a default is missing from what earlier versions of the program wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import cast

from assay.batch.results import RecordClass, from_json, latest_result, read_result
from assay.batch.verdicts import Verdict

Bounds = dict[str, tuple[str, str]]  # column → least and greatest value, as text
# Measures of a table as JSON has them: whole numbers, or decimals as text; None, the sum of no rows
Measured = Mapping[str, str | int | None]


@dataclass(frozen=True, kw_only=True)
class SilverBuild:
    """What build_silver made of one dataset.

    `change_set` is the folder of the classified records. `classes` are, by slice_id, the numbers of
    records by class, and `records` and `settled`, and of `rounded` values where a column has
    `round`. `rounded` are these by column. `sums` are those of money by class and of the rows that
    are `replaced`, as text; between `bounds` lie the values of some columns of these rows. `moves`
    is the folder of the rows that leave quarantine, if the batch is there to move some: `moved` of
    them do, and `stay` stay.
    """

    change_set: str
    base_version: int
    base_is_empty: bool
    classes: dict[str, dict[str, int]]
    sums: dict[str, dict[str, str]]
    digest: str
    reasons: dict[str, int] = field(default_factory=dict)
    rounded: dict[str, int] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=dict)
    moves: str = ""
    moved: int = 0
    stay: int = 0

    def count(self, name: RecordClass) -> int:
        """The records of one class, of all files."""
        return sum(file[name] for file in self.classes.values())


@dataclass(frozen=True, kw_only=True)
class GoldBuild:
    """What build_gold made of one table: the touched groups that stay, and those that go.

    Between `bounds` lie the keys of all of them. `candidates` is the folder of their rows.
    """

    candidates: str
    base_version: int
    base_is_empty: bool
    groups: int
    digest: str
    deleted: int = 0
    bounds: Bounds = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What ingest_bronze made of one dataset: bronze's version, and the records by slice_id."""

    version: int
    records: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """What every stage hands on: beside facts of its own, what it did in one line."""

    summary: str = ""

    def as_facts(self) -> dict[str, object]:
        """The fields for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class IngestResult(StageResult):
    """The result of ingest_bronze, by dataset. A rebuild ingests nothing."""

    epoch: int
    datasets: dict[str, Ingested]


@dataclass(frozen=True, kw_only=True)
class SilverResult(StageResult):
    """The result of build_silver: a build by dataset, and the rules that it was made under."""

    epoch: int
    datasets: dict[str, SilverBuild]
    rules: str | None = None

    def as_facts(self) -> dict[str, object]:
        """The fields for JSON, and by dataset how many values of each column were rounded."""
        rounded = {name: built.rounded for name, built in self.datasets.items() if built.rounded}
        return {**super().as_facts(), **({"rounded": rounded} if rounded else {})}


@dataclass(frozen=True, kw_only=True)
class GoldResult(StageResult):
    """The result of build_gold: a build by table, the silver that it was made from, the rules."""

    epoch: int
    tables: dict[str, GoldBuild]
    made_from: dict[str, str] | None = None
    rules: str | None = None


# What a batch has whose datasets no gold table is made of.
NO_GOLD = GoldResult(epoch=0, tables={})


@dataclass(frozen=True, kw_only=True)
class GateResult(StageResult):
    """The result of a gate: one verdict for each expectation, before anybody has decided."""

    verdicts: list[Verdict]


@dataclass(frozen=True, kw_only=True)
class CommitResult(StageResult):
    """The result of a commit: versions and totals by table, and the builds that it committed.

    `totals` are the measures of a table, or of silver those `before` and `after`. `subjects` are
    what every gate has to have judged, `contracts` the versions of the contracts by table.
    """

    versions: dict[str, int]
    totals: Mapping[str, Mapping[str, object]]
    silver: dict[str, SilverBuild] = field(default_factory=dict)
    gold: dict[str, GoldBuild] = field(default_factory=dict)
    subjects: dict[str, str] | None = None
    rules: str | None = None
    contracts: dict[str, str] = field(default_factory=dict)

    def after(self, table: str) -> Measured:
        """The totals of a table after the commit; of silver there are those before it as well."""
        totals = self.totals[table]
        return cast("Measured", totals.get("after", totals))

    def before(self, table: str) -> Measured:
        """The totals of a silver table before the commit."""
        return cast("Measured", self.totals[table]["before"])


def read_ingest(folder: str) -> IngestResult:
    """What the newest ingest_bronze did. Raises BatchError when there is none."""
    found = latest_result(folder, "ingest_bronze")
    datasets = {name: from_json(Ingested, facts) for name, facts in found["datasets"].items()}
    return IngestResult(epoch=found["epoch"], datasets=datasets)


def read_silver(folder: str) -> SilverResult:
    """What the newest build_silver made. Raises BatchError when there is none."""
    found = latest_result(folder, "build_silver")
    return SilverResult(
        epoch=found["epoch"], datasets=_silver(found["datasets"]), rules=found.get("rules")
    )


def read_gold(folder: str) -> GoldResult:
    """What the newest build_gold made. Raises BatchError when there is none."""
    found = latest_result(folder, "build_gold")
    return GoldResult(
        epoch=found["epoch"],
        tables=_gold(found["tables"]),
        made_from=found.get("made_from"),
        rules=found.get("rules"),
    )


def read_gate(folder: str, layer: str, epoch: int) -> GateResult:
    """What an attempt at a gate found. Raises BatchError when it wrote no result."""
    found = read_result(folder, f"validate_{layer}", epoch)
    verdicts = [from_json(Verdict, facts) for facts in found["verdicts"]]
    return GateResult(verdicts=verdicts, summary=found["summary"])


def read_commit(folder: str, epoch: int | None = None) -> CommitResult:
    """What a commit did, that of an epoch or the newest. Raises BatchError when there is none."""
    found = (
        latest_result(folder, "commit") if epoch is None else read_result(folder, "commit", epoch)
    )
    return CommitResult(
        versions=found["versions"],
        totals=found["totals"],
        silver=_silver(found.get("silver", {})),
        gold=_gold(found.get("gold", {})),
        subjects=found.get("subjects"),
    )


def _silver(facts: Mapping[str, Mapping[str, object]]) -> dict[str, SilverBuild]:
    return {dataset: from_json(SilverBuild, build) for dataset, build in facts.items()}


def _gold(facts: Mapping[str, Mapping[str, object]]) -> dict[str, GoldBuild]:
    return {table: from_json(GoldBuild, build) for table, build in facts.items()}

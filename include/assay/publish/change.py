"""The change of one batch: what its stages left behind, and what must be true of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from assay.batch.plan import Plan
from assay.batch.results import latest_result
from assay.batch.stage_results import (
    CommitResult,
    GoldBuild,
    SilverBuild,
    read_commit,
    read_gold,
    read_silver,
)
from assay.contracts.load import load_contract
from assay.errors import BatchError
from assay.publish.quarantine import moves_targets, quarantine_targets
from assay.publish.targets import Staged, Target, gold_target, serving_target


@dataclass(frozen=True)
class Change:
    """Everything that one batch changes, and what must be true of it.

    `silver` and `gold` are what the stages built; `commit` is what the commit reported, None before
    it.
    """

    plan: Plan
    epoch: int
    silver: Mapping[str, SilverBuild]
    gold: Mapping[str, GoldBuild]
    commit: CommitResult | None
    targets: tuple[Target, ...]
    quarantined: dict[str, Target]
    moves: dict[str, Target]

    @property
    def to_stage(self) -> list[Target]:
        """Everything that is copied into staging tables."""
        return [*self.targets, *self.quarantined.values(), *self.moves.values()]

    @property
    def is_staged(self) -> bool:
        return all(target.staged for target in self.to_stage)

    @property
    def versions(self) -> dict[str, int]:
        return self.committed.versions

    @property
    def committed(self) -> CommitResult:
        """What the commit reported. Raises BatchError before it."""
        if self.commit is None:
            raise BatchError(f"{self.plan.batch_id}: is not committed yet; clear the task commit")
        return self.commit

    @property
    def digests(self) -> dict[str, str]:
        """Table to the digest of what the batch brings it: equal for equal changes."""
        return dict(_digests(self.silver, self.gold))

    def with_staged(self, staged: Mapping[str, Staged | None]) -> Change:
        """The same change, with where each of its targets was copied to."""

        def put(targets: Mapping[str, Target]) -> dict[str, Target]:
            return {
                name: replace(target, staged=staged.get(target.staging))
                for name, target in targets.items()
            }

        targets = tuple(replace(t, staged=staged.get(t.staging)) for t in self.targets)
        return replace(
            self, targets=targets, quarantined=put(self.quarantined), moves=put(self.moves)
        )

    def as_reload(self) -> Change:
        """The same release made from the whole Delta tables instead of the change alone.

        For a batch that was released, then rebuilt and committed again: its new change set does
        not say what its old one must give back.
        """
        targets = tuple(
            replace(
                target,
                replaces_all=True,
                staged=None,
                reload=(self.path_of(target), self.versions[target.source]),
            )
            for target in self.targets
        )
        return replace(self, targets=targets)

    def path_of(self, target: Target) -> str:
        layer, name = target.source.split(".")
        return self.plan.table(layer, name)


def read_built(plan: Plan, epoch: int) -> Change:
    """Gather what the newest builds of a batch are about to change."""
    has_silver = plan.input.makes_silver
    silver = read_silver(plan.folder).datasets if has_silver else {}
    gold = read_gold(plan.folder).tables if plan.needs("build_gold") else {}
    return _make_change(plan, epoch, silver, gold, None)


def read_change(plan: Plan, epoch: int) -> Change:
    """Gather what the commit of a batch says it has committed, whatever was built after it.

    The change is staged already when the task `stage` has staged just this.
    """
    commit = read_commit(plan.folder)
    change = _make_change(plan, epoch, commit.silver, commit.gold, commit)
    return change.with_staged(_read_staged(change))


def require_staged(plan: Plan) -> None:
    """Raise BatchError unless the newest builds of the batch were staged."""
    change = read_built(plan, 0)
    if not change.with_staged(_read_staged(change)).is_staged:
        raise BatchError(
            f"{plan.batch_id}: what was built last was not staged, so nobody knows whether Postgres"
            " would take it; clear stage and all after it"
        )


def _read_staged(change: Change) -> dict[str, Staged | None]:
    try:
        result = latest_result(change.plan.folder, "stage")
    except BatchError:  # a batch that was committed before there was such a task
        return {}
    if result["digests"] != change.digests:
        return {}
    return {staging: Staged(**facts) for staging, facts in result["tables"].items()}


def _make_change(
    plan: Plan,
    epoch: int,
    silver: Mapping[str, SilverBuild],
    gold: Mapping[str, GoldBuild],
    commit: CommitResult | None,
) -> Change:
    targets: list[Target] = []
    for dataset, built in silver.items():
        contract = load_contract("silver", dataset)
        if contract.serving:
            is_empty = built.base_is_empty
            targets.append(serving_target(contract, built.change_set, replaces_all=is_empty))
    targets += [
        gold_target(load_contract("gold", name), table.candidates, replaces_all=table.base_is_empty)
        for name, table in gold.items()
    ]
    return Change(
        plan=plan,
        epoch=epoch,
        silver=silver,
        gold=gold,
        commit=commit,
        targets=tuple(targets),
        quarantined=quarantine_targets(plan, silver),
        moves=moves_targets(plan, silver),
    )


def _digests(
    silver: Mapping[str, SilverBuild], gold: Mapping[str, GoldBuild]
) -> Iterator[tuple[str, str]]:
    for dataset, built in silver.items():
        yield f"silver.{dataset}", built.digest
    for name, table in gold.items():
        yield f"gold.{name}", table.digest

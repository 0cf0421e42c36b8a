"""The change of one committed batch: what its stages left behind, and what must be true of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from assay.contract import load_contract
from assay.plan import Plan
from assay.publish.measures import measure_delta
from assay.publish.quarantine import check_moves, moves_targets, quarantine_targets
from assay.publish.reconciliation import (
    Measures,
    check_gold,
    check_ledger,
    check_same,
    check_silver,
    read_measures,
    sum_classes,
)
from assay.publish.staging import Target, gold_target, serving_target
from assay.results import latest_result

Say = Callable[[str], None]


@dataclass(frozen=True)
class Change:
    """Everything that one committed batch changes, and what must be true of it."""

    plan: Plan
    epoch: int
    silver: dict[str, Any]
    commit: dict[str, Any]
    targets: tuple[Target, ...]
    quarantined: dict[str, Target]
    moves: dict[str, Target]

    @property
    def staged(self) -> list[Target]:
        """Everything that is staged before the transaction."""
        return [*self.targets, *self.quarantined.values(), *self.moves.values()]

    @property
    def versions(self) -> dict[str, int]:
        return dict(self.commit["versions"])

    def as_reload(self) -> Change:
        """The same release made from the whole Delta tables instead of the change alone.

        For a batch that was released, then rebuilt and committed again: its new change set does
        not say what its old one must give back.
        """
        targets = tuple(
            replace(
                target,
                replaces_all=True,
                reload=(self.path_of(target), self.versions[target.source]),
            )
            for target in self.targets
        )
        return replace(self, targets=targets)

    def path_of(self, target: Target) -> str:
        layer, name = target.source.split(".")
        return self.plan.table(layer, name)


def read_change(plan: Plan, epoch: int) -> Change:
    """Gather what the commit of a batch says it has committed, whatever was built after it."""
    commit = latest_result(plan.folder, "commit")
    silver, gold = commit["silver"], commit["gold"]
    targets: list[Target] = []
    for dataset, built in silver.items():
        contract = load_contract("silver", dataset)
        if contract.serving:
            targets.append(serving_target(contract, built))
    targets += [gold_target(load_contract("gold", name), built) for name, built in gold.items()]
    return Change(
        plan=plan,
        epoch=epoch,
        silver=silver,
        commit=commit,
        targets=tuple(targets),
        quarantined=quarantine_targets(plan, silver),
        moves=moves_targets(plan, silver),
    )


def check_books(change: Change) -> None:
    """Check the row ledger and the sums of every dataset, by what the stages reported."""
    plan, totals = change.plan, change.commit["totals"]
    check_moves(plan, change.silver)
    for dataset, built in change.silver.items():
        contract = load_contract("silver", dataset)
        files = plan.files_of(dataset)
        counted = {f.file_id: f.records for f in files} if plan.source == "files" else None
        check_ledger(plan.batch_id, built["classes"], counted)
        silver = totals[contract.table]
        after = read_measures(silver["after"])
        before = {name: Decimal(0) for name in after}
        check_silver(
            contract.table,
            before=before if built["base_is_empty"] else read_measures(silver["before"]),
            after=after,
            new_rows=sum_classes(built["classes"])["new"],
            sums={name: read_measures(sums) for name, sums in built["sums"].items()},
            money=contract.money,
        )
        for gold in plan.gold:
            check_gold(gold, dataset, gold=read_measures(totals[gold.table]), silver=after)


def measure_targets(change: Change, say: Say) -> dict[str, Measures]:
    """Measure Delta at the versions of the commit, and check that Spark measured the same."""
    began = time.monotonic()
    measured: dict[str, Measures] = {}
    for target in change.targets:
        version = change.versions[target.source]
        delta = measure_delta(change.path_of(target), version, target.measured)
        totals = change.commit["totals"][target.source]
        reported = read_measures(totals.get("after", totals))
        check_same(f"{target.source} version {version}", delta, "the commit's report", reported)
        measured[target.table] = delta
    say(f"{change.plan.batch_id}: measured Delta in {time.monotonic() - began:.1f} s")
    return measured

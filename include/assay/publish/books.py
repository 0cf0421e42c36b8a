"""What must be true of a change before it is released, by the books and by measuring Delta."""

from __future__ import annotations

import time
from decimal import Decimal

from assay.contracts.load import load_contract
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.publish.change import Change
from assay.publish.measures import measure_delta
from assay.publish.quarantine import check_moves
from assay.publish.reconciliation import (
    Measures,
    check_gold,
    check_ledger,
    check_same,
    check_silver,
    read_measures,
)


def check_books(change: Change) -> None:
    """Check the row ledger and the sums of every dataset, by what the stages reported."""
    plan, commit = change.plan, change.committed
    check_moves(plan, change.silver)
    for dataset, built in change.silver.items():
        contract = load_contract("silver", dataset)
        check_ledger(plan.batch_id, built.classes, plan.input.counted(dataset))
        after = read_measures(commit.after(contract.table))
        before = {name: Decimal(0) for name in after}
        check_silver(
            contract.table,
            before=before if built.base_is_empty else read_measures(commit.before(contract.table)),
            after=after,
            new_rows=built.count("new"),
            sums={name: read_measures(sums) for name, sums in built.sums.items()},
            money=contract.money,
        )
        for gold in plan.gold:
            check_gold(gold, dataset, gold=read_measures(commit.after(gold.table)), silver=after)


def measure_targets(change: Change) -> dict[str, Measures]:
    """Measure Delta at the versions of the commit, and check that Spark measured the same."""
    began = time.monotonic()
    measured: dict[str, Measures] = {}
    for target in change.targets:
        version = change.versions[target.source]
        delta = measure_delta(change.path_of(target), version, target.measured)
        reported = read_measures(change.committed.after(target.source))
        check_same(f"{target.source} version {version}", delta, "the commit's report", reported)
        measured[target.table] = delta
    seconds = time.monotonic() - began
    emit(Progress(f"{change.plan.batch_id}: measured Delta in {seconds:.1f} s"))
    return measured

"""What a person can have done to a stuck batch: done, kept in the books, and told by the note."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from assay.batch.plan import Plan
from assay.errors import BatchError, SettingsError
from assay.intake.accept import accept_files
from assay.ledger import batch_state, set_batch_state, summary_of_run
from assay.operations.act import Asked, act, find_batch, goes_on
from assay.settings import Settings
from builders.accepting import land, run_of
from builders.ledger_rows import start_batch
from corpus.trades import HEADER, row, text

Connection = psycopg.Connection[Any]
Stuck = Callable[[str, int], Plan]


@pytest.fixture
def stuck(settings: Settings, database: Any, loader: Connection) -> Stuck:
    """A batch of so many files that failed at a gate."""

    def fail(run_id: str, files: int) -> Plan:
        for number in range(files):
            land(settings, f"{run_id}-{number}.csv", text(HEADER, row(number)))
        plan = accept_files(settings, database.connect, run_of(run_id))
        set_batch_state(
            loader, plan.batch_id, "FAILED", error="validate_silver: 1 expectation not met"
        )
        return plan

    return fail


def actions(loader: Connection) -> list[tuple[Any, ...]]:
    return loader.execute(
        "SELECT batch_id, action, source_file, who, why FROM ops.batch_action ORDER BY action_id"
    ).fetchall()


def test_abandoned_batch_is_kept_and_its_run_says_so(
    settings: Settings, stuck: Stuck, loader: Connection
) -> None:
    plan = stuck("one", 2)
    asked = Asked(plan.batch_id, "abandon", "ada", "wrong feed")
    done = act(settings, loader, asked)
    assert done.startswith(f"{plan.batch_id}: abandoned; 2 files are pending again")
    assert "the note of its run stays as it was" in done  # no Airflow runs here
    assert actions(loader) == [(plan.batch_id, "abandon", None, "ada", "wrong feed")]
    assert not goes_on(loader, plan.batch_id)
    note = summary_of_run(loader, "trades", "one").splitlines()
    assert note[0] == "ABANDONED by ada: wrong feed. Its files are pending again"
    assert note[2].startswith("- abandon by ada at 2")
    assert note[2].endswith(" UTC: wrong feed")


@pytest.mark.parametrize("by_name", [True, False])
def test_file_is_rejected_by_its_name_or_its_hash(
    settings: Settings, stuck: Stuck, loader: Connection, by_name: bool
) -> None:
    plan = stuck("one", 2)
    bad = plan.slices[0]
    file = bad.source_file if by_name else bad.slice_id[:10]
    done = act(settings, loader, Asked(plan.batch_id, "reject-file", "ada", "cut short", file))
    assert f"{bad.source_file!r} was rejected" in done
    kept = (plan.batch_id, "reject-file", bad.source_file, "ada", "cut short")
    assert actions(loader) == [kept]
    assert goes_on(loader, plan.batch_id)


def test_unknown_file_lists_those_of_the_batch_and_does_nothing(
    settings: Settings, stuck: Stuck, loader: Connection
) -> None:
    plan = stuck("one", 2)
    known = ".*".join(f"{f.slice_id[:12]} '{f.source_file}'" for f in plan.slices)
    with pytest.raises(BatchError, match=f"'nope' is not one of its files: {known}"):
        act(settings, loader, Asked(plan.batch_id, "reject-file", "ada", "why", "nope"))
    for action, file in (("reject-file", ""), ("abandon", "a.csv"), ("retry", "a.csv")):
        with pytest.raises(SettingsError, match="reject-file needs the name"):
            act(settings, loader, Asked(plan.batch_id, action, "ada", "why", file))  # type: ignore[arg-type]
    assert actions(loader) == []
    assert batch_state(loader, plan.batch_id) == "FAILED"


def test_batch_is_found_by_id_or_as_the_only_open_one(loader: Connection) -> None:
    start_batch(loader, "done", "COMMITTED", "PUBLISHED")
    with pytest.raises(BatchError, match="name the batch; no batch of trades is open"):
        find_batch(loader, None, "trades")
    start_batch(loader, "b1")
    assert find_batch(loader, None, "trades") == "b1"
    assert find_batch(loader, "done", None) == "done"
    with pytest.raises(BatchError, match=r"name the batch; open: b1 \(RUNNING\)"):
        find_batch(loader, None, None)
    set_batch_state(loader, "b1", "FAILED", error="validate_silver:\nx")
    start_batch(loader, "b2")
    with pytest.raises(BatchError, match=r"open of trades: b2 \(RUNNING\), b1 \(FAILED: val"):
        find_batch(loader, None, "trades")
    with pytest.raises(BatchError, match="'b3' is no batch; open: b2"):
        find_batch(loader, "b3", None)

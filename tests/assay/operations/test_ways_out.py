"""The ways out of a stuck batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from assay.batch.plan import Plan, read_plan
from assay.errors import BatchError
from assay.intake import returns
from assay.intake.accept import accept_files, batch_id_of
from assay.ledger import (
    batch_state,
    deliveries,
    require_epoch,
    set_batch_state,
    start_task,
    take_epoch,
)
from assay.ledger.rollbacks import Rollback, start_rollback, take_back
from assay.operations.abandon import abandon_batch
from assay.operations.reject_file import reject_file
from assay.settings import CONTRACTS, Settings
from builders.accepting import land, run_of, second_move_fails
from builders.deliveries import deliver
from builders.ledger_rows import bring_to
from corpus.trades import HEADER, row, text

Connection = psycopg.Connection[Any]
Accept = Callable[[str], Plan]


@pytest.fixture
def accept(settings: Settings, database: Any) -> Accept:
    return lambda name, **params: accept_files(settings, database.connect, run_of(name, **params))


def content(number: int) -> bytes:
    return text(HEADER, row(number))


def test_abandoned_batch_gives_its_files_back_and_they_are_taken_again(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    first = land(settings, "sub/a.csv", content(1))
    second = land(settings, "b.csv", content(2))
    plan = accept("one")
    set_batch_state(loader, plan.batch_id, "FAILED", error="gate")
    land(settings, "b.csv", content(3))

    assert abandon_batch(settings, loader, plan.batch_id, "ann", "wrong feed") == 2
    assert batch_state(loader, plan.batch_id) == "ABANDONED"
    assert first.read_bytes() == content(1)
    assert second.read_bytes() == content(3)
    assert second.with_name("b.returned-2.csv").read_bytes() == content(2)
    with pytest.raises(BatchError, match="is ABANDONED; trigger a new run"):
        accept("one")
    assert [file.source_file for file in accept("two").slices] == [
        "b.csv", "b.returned-2.csv", "sub/a.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("completed_by", ["the next run", "abandoning again"])
def test_abandoning_that_was_cut_off_is_completed_and_takes_nothing_of_others(
    settings: Settings,
    accept: Accept,
    loader: Connection,
    monkeypatch: pytest.MonkeyPatch,
    completed_by: str,
) -> None:
    land(settings, "a.csv", content(1))
    land(settings, "b.csv", content(2))
    plan = accept("one")
    with second_move_fails(monkeypatch, returns):
        abandon_batch(settings, loader, plan.batch_id, "ann", "x")
    if completed_by == "abandoning again":
        assert abandon_batch(settings, loader, plan.batch_id, "ann", "x") == 1
        assert (settings.landing / "trades" / "b.csv").read_bytes() == content(2)
    again = accept("two")
    assert [file.source_file for file in again.slices] == ["a.csv", "b.csv"]
    assert abandon_batch(settings, loader, plan.batch_id, "ann", "x") == 0
    assert all(Path(file.path).is_file() for file in again.slices)


def test_abandoning_a_batch_that_was_cut_off_while_taking_loses_nothing(
    settings: Settings, accept: Accept, loader: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = land(settings, "a.csv", content(1))

    def cut_off(*_: Any) -> None:
        raise BatchError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr("assay.intake.landing.inspect_taken", cut_off)
        with pytest.raises(BatchError, match="cut off"):
            accept("one")
    assert not path.exists()
    batch_id = batch_id_of("trades", "one", "2026-01-01")
    assert abandon_batch(settings, loader, batch_id, "ann", "x") == 1
    assert path.read_bytes() == content(1)


def test_abandoning_a_running_batch_fences_its_attempt(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    land(settings, "a.csv", content(1))
    plan = accept("one")
    epoch = take_epoch(loader, "trades", "ingest_bronze")
    abandon_batch(settings, loader, plan.batch_id, "ann", "x")
    with pytest.raises(Exception, match=f"this attempt has epoch {epoch}, but abandon"):
        require_epoch(loader, "trades", epoch)


def test_commit_that_was_cut_off_before_it_wrote_can_be_abandoned(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    land(settings, "a.csv", content(1))
    plan = accept("one")
    epoch = take_epoch(loader, "trades", "commit")
    set_batch_state(loader, plan.batch_id, "COMMITTING")
    assert abandon_batch(settings, loader, plan.batch_id, "ann", "x") == 1
    with pytest.raises(Exception, match=f"this attempt has epoch {epoch}, but abandon"):
        require_epoch(loader, "trades", epoch)


def test_batch_that_a_rollback_has_on_its_list_is_not_abandoned_under_it(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    land(settings, "a.csv", content(1))
    plan = accept("one")
    set_batch_state(loader, plan.batch_id, "COMMITTING")
    undone = Rollback("r", "trades", None, [plan.batch_id], {}, False, "ann", "x")
    start_rollback(loader, undone)
    with pytest.raises(BatchError, match=r"is COMMITTING; .*assay release rollback"):
        abandon_batch(settings, loader, plan.batch_id, "ann", "x")
    take_back(loader, undone)
    assert batch_state(loader, plan.batch_id) == "ROLLED_BACK"


@pytest.mark.parametrize("state", ["COMMITTED", "PUBLISHED"])
def test_batch_that_the_lake_holds_has_no_such_way_out(
    settings: Settings, accept: Accept, loader: Connection, state: str
) -> None:
    land(settings, "a.csv", content(1))
    plan = accept("one")
    bring_to(loader, plan.batch_id, state)
    epoch = take_epoch(loader, "trades", "publish")
    start_task(loader, batch_id=plan.batch_id, task_id="publish", epoch=epoch, try_number=1)
    with pytest.raises(BatchError, match=state):
        abandon_batch(settings, loader, plan.batch_id, "ann", "x")
    with pytest.raises(BatchError, match=state):
        reject_file(settings, loader, plan.batch_id, plan.slices[0].slice_id, "x")
    assert Path(plan.slices[0].path).is_file()
    with loader.transaction():
        require_epoch(loader, "trades", epoch)  # whoever publishes it is left alone


def test_rejected_file_leaves_the_plan_and_its_reason_stays(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    land(settings, "a.csv", content(1))
    land(settings, "b.csv", content(2))
    plan = accept("one")
    set_batch_state(loader, plan.batch_id, "FAILED", error="gate")
    spoilt, kept = plan.slices
    assert reject_file(settings, loader, plan.batch_id, spoilt.slice_id[:12], "bad feed") == "a.csv"

    assert read_plan(f"{plan.folder}/plan.json").slices == [kept]
    assert batch_state(loader, plan.batch_id) == "FAILED"
    (rejected,) = [d for d in deliveries(loader, plan.batch_id) if d.verdict == "rejected"]
    assert (rejected.slice_id, rejected.reason) == (spoilt.slice_id, "bad feed")
    assert Path(rejected.location).read_bytes() == content(1)
    assert Path(f"{rejected.location}.reason.txt").read_text() == "bad feed\n"
    assert not Path(spoilt.path).exists()
    land(settings, "a.csv", content(1))
    assert [file.slice_id for file in accept("two").slices] == [spoilt.slice_id]


def test_batch_without_its_only_file_is_empty(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    land(settings, "a.csv", content(1))
    plan = accept("one")
    reject_file(settings, loader, plan.batch_id, plan.slices[0].slice_id, "bad feed")
    assert batch_state(loader, plan.batch_id) == "EMPTY"
    assert not accept("one").has_work


def test_dataset_without_a_file_has_nothing_more_to_do(
    settings: Settings, database: Any, loader: Connection
) -> None:
    """F14: one file of stocks, one of funds; without the first, the batch is about funds alone."""
    for dataset in ("stocks", "mutual_funds"):
        name = f"{dataset}_2026-01-01.jsonl"
        samples = CONTRACTS / "datasets" / dataset / "samples"
        deliver(settings.landing / dataset, [samples / name])
    run = run_of("one", "stocks", "mutual_funds", pipeline="finance")
    plan = accept_files(settings, database.connect, run)
    assert plan.active == ["stocks", "mutual_funds"]
    spoilt, kept = plan.slices_of("stocks")[0], plan.slices_of("mutual_funds")[0]
    reject_file(settings, loader, run.batch_id, spoilt.slice_id, "bad feed")
    rest = read_plan(f"{plan.folder}/plan.json")
    assert (rest.active, rest.slices) == (["mutual_funds"], [kept])
    assert {table.name for table in rest.gold} < {table.name for table in plan.gold}
    reject_file(settings, loader, run.batch_id, kept.slice_id, "bad feed")
    assert read_plan(f"{plan.folder}/plan.json").active == []
    assert batch_state(loader, run.batch_id) == "EMPTY"


def test_unknown_batch_and_unknown_file_are_named(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    land(settings, "a.csv", content(1))
    plan = accept("one")
    with pytest.raises(BatchError, match="nope: no such batch"):
        abandon_batch(settings, loader, "nope", "ann", "x")
    for slice_id in ("beef", ""):
        with pytest.raises(BatchError, match=f"{slice_id!r} is not one of its files: .*'a.csv'"):
            reject_file(settings, loader, plan.batch_id, slice_id, "x")


def test_content_of_two_datasets_is_rejected_by_the_dataset_that_is_named(
    settings: Settings, database: Any, loader: Connection
) -> None:
    quote = {"stock_id": 1, "company_id": 1, "symbol": "X", "price": 1, "volume": 1}
    fund = {"fund_id": 1, "name": "f", "holdings": 1, "timestamp": "2026-01-01T10:00:00"}
    names = ["mutual_funds", "stocks"]
    for dataset in names:
        path = settings.landing / dataset / "both.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(quote | fund) + "\n")
    run = run_of("one", *names, pipeline="finance")
    plan = accept_files(settings, database.connect, run)
    slice_id = plan.slices[0].slice_id
    assert [(file.dataset, file.slice_id) for file in plan.slices] == [(n, slice_id) for n in names]
    with pytest.raises(BatchError, match=r"name one with --dataset: mutual_funds, stocks"):
        reject_file(settings, loader, run.batch_id, slice_id, "not a feed of quotes")
    assert (
        reject_file(settings, loader, run.batch_id, slice_id, "no quotes", "stocks") == "both.jsonl"
    )
    kept = read_plan(settings.batches / run.batch_id / "plan.json").slices
    assert [file.dataset for file in kept] == ["mutual_funds"]

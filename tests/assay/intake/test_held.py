"""O1: a run that finds its files in a batch that is stuck is never a quiet success."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from assay.batch.plan import Plan
from assay.errors import BatchError
from assay.intake import returns
from assay.intake.accept import accept_files, batch_id_of
from assay.ledger import batch_state, deliveries, fail_batch, set_batch_state, take_epoch
from assay.operations.abandon import abandon_batch
from assay.settings import Settings
from builders.accepting import land, run_of, second_move_fails
from builders.ledger_rows import bring_to
from corpus.trades import HEADER, row, text

Connection = psycopg.Connection[Any]
Accept = Callable[..., Plan]
OVERRIDE = {"gate_policy": "override", "override_reason": "the sender has said so"}


@pytest.fixture
def accept(settings: Settings, database: Any) -> Accept:
    def run_once(name: str, *, active: bool = False, **params: Any) -> Plan:
        return accept_files(settings, database.connect, run_of(name, **params), lambda _: active)

    return run_once


def id_of(name: str) -> str:
    return batch_id_of("trades", name, "2026-01-01")


def land_one(settings: Settings, name: str, number: int) -> Path:
    return land(settings, name, text(HEADER, row(number)))


@pytest.fixture
def stuck(settings: Settings, accept: Accept, loader: Connection) -> str:
    """A batch of two files that a gate has stopped."""
    land_one(settings, "a.csv", 1)
    land_one(settings, "b_2026-01-03.csv", 2)
    plan = accept("stuck")
    set_batch_state(loader, plan.batch_id, "FAILED", error="validate_silver: not met")
    return plan.batch_id


def names(plan: Plan) -> list[str]:
    return [file.source_file for file in plan.slices]


def test_a_run_that_takes_nothing_fails_and_names_the_ways_out(
    settings: Settings, accept: Accept, loader: Connection, stuck: str
) -> None:
    for _ in ("at first", "when it is cleared"):
        with pytest.raises(BatchError, match=rf"2 files are held by {stuck} \(FAILED\)") as error:
            accept("next")
        fail_batch(loader, id_of("next"), f"accept_files: {error.value}", epoch=1)
        assert batch_state(loader, id_of("next")) == "EMPTY"  # nothing of its own is stuck
    for way in (f"assay batch retry {stuck}", f"assay batch abandon {stuck} --why", "override"):
        assert way in str(error.value)
    abandon_batch(settings, loader, stuck, "ann", "x")
    assert names(accept("next")) == ["a.csv", "b_2026-01-03.csv"]
    assert loader.execute(
        "SELECT state, error FROM ops.batch WHERE batch_id = %s", [id_of("next")]
    ).fetchall() == [("RUNNING", None)]


def test_an_empty_run_with_nothing_held_stays_green(accept: Accept, loader: Connection) -> None:
    assert not accept("one").has_work
    assert batch_state(loader, id_of("one")) == "EMPTY"


@pytest.mark.parametrize(
    "params", [{"landing_glob": "c*"}, {"batch_date": "2026-01-04"}, {"full_rebuild": True}]
)
def test_a_run_that_asks_for_other_files_is_not_concerned(
    accept: Accept, stuck: str, params: dict[str, Any]
) -> None:
    assert not accept("next", **params).slices


def test_a_day_concerns_the_files_of_that_day(accept: Accept, stuck: str) -> None:
    with pytest.raises(BatchError, match="1 file is held by"):
        accept("next", batch_date="2026-01-03")


def test_a_run_that_takes_others_says_what_it_did_not_find(
    settings: Settings, accept: Accept, said: list[str], stuck: str
) -> None:
    land_one(settings, "c.csv", 3)
    assert names(accept("next", **OVERRIDE)) == ["c.csv"]
    assert said[-1] == f"1 file, 1 record accepted; 2 files are held by {stuck} (FAILED)"


def test_an_override_takes_over_what_is_held(
    settings: Settings, accept: Accept, said: list[str], loader: Connection, stuck: str
) -> None:
    plan = accept("next", **OVERRIDE)
    assert names(plan) == ["a.csv", "b_2026-01-03.csv"]
    assert (plan.gate_policy.mode, plan.gate_policy.user) == ("override", "ann")
    assert all(Path(file.path).is_file() for file in plan.slices)
    assert f"took over the files of {stuck}, which is ABANDONED now" in said
    assert said[-1] == "2 files, 2 records accepted"
    assert loader.execute(
        "SELECT state, error FROM ops.batch WHERE batch_id = %s", [stuck]
    ).fetchall() == [
        (
            "ABANDONED",
            f"abandoned by ann: {plan.batch_id} takes its files over, with override:"
            " the sender has said so",
        )
    ]


def test_a_dry_run_takes_nothing_over(accept: Accept, loader: Connection, stuck: str) -> None:
    with pytest.raises(BatchError, match="2 files are held"):
        accept("next", dry_run=True, **OVERRIDE)
    assert batch_state(loader, stuck) == "FAILED"
    assert batch_state(loader, id_of("next")) == "DRY_RUN"


def test_content_that_is_delivered_again_names_the_batch_that_holds_it(
    settings: Settings, accept: Accept, said: list[str], loader: Connection, stuck: str
) -> None:
    land_one(settings, "again.csv", 1)
    with pytest.raises(BatchError, match="1 file is held by"):
        accept("next", landing_glob="again*")
    (seen,) = deliveries(loader, id_of("next"))
    assert seen.verdict == "duplicate"
    assert (
        seen.reason == f"same content as a file of batch {stuck}, which holds it and has not ended"
    )
    assert any(line.startswith("duplicate 'again.csv'") for line in said)


def test_an_override_takes_over_what_was_delivered_again(
    settings: Settings, accept: Accept, loader: Connection, stuck: str
) -> None:
    """What a person does who has seen nothing happen: copy the file once more, and override."""
    land_one(settings, "a.csv", 1)
    plan = accept("next", **OVERRIDE)
    assert names(plan) == ["a.csv", "b_2026-01-03.csv"]
    assert batch_state(loader, stuck) == "ABANDONED"
    again = accept("last", active=True)
    assert [(d.source_file, d.verdict) for d in deliveries(loader, again.batch_id)] == [
        ("a.csv", "duplicate")
    ]


def test_taking_over_that_was_cut_off_is_completed(
    settings: Settings, accept: Accept, stuck: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with second_move_fails(monkeypatch, returns):
        accept("next", **OVERRIDE)
    assert names(accept("next", **OVERRIDE)) == ["a.csv", "b_2026-01-03.csv"]


def test_files_of_a_batch_that_was_cut_off_while_taking_are_held_too(
    settings: Settings, accept: Accept, loader: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No delivery is recorded of them yet."""
    land_one(settings, "a.csv", 1)

    def cut_off(*_: Any) -> None:
        raise BatchError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("assay.intake.landing.inspect_taken", cut_off)
        with pytest.raises(BatchError, match="the disk is full"):
            accept("one")
    set_batch_state(loader, id_of("one"), "FAILED", error="the disk is full")
    with pytest.raises(BatchError, match=rf"1 file is held by {id_of('one')} \(FAILED\)"):
        accept("next")
    assert names(accept("last", **OVERRIDE)) == ["a.csv"]


@pytest.mark.parametrize("state", ["RUNNING", "FAILED"])
def test_a_batch_whose_run_is_under_way_is_not_stuck(
    settings: Settings, accept: Accept, loader: Connection, state: str
) -> None:
    land_one(settings, "a.csv", 1)
    bring_to(loader, accept("one").batch_id, state)
    assert not accept("next", active=True, **OVERRIDE).slices
    assert batch_state(loader, id_of("one")) == state
    with pytest.raises(BatchError, match=rf"1 file is held by .* \({state}\)"):
        accept("last", active=False)


def test_abandoning_fences_what_may_live_and_nothing_else(
    settings: Settings, accept: Accept, loader: Connection, stuck: str
) -> None:
    """F29: an attempt of a FAILED batch may live, and that of another batch is not to be ended."""
    other = take_epoch(loader, "trades", "another batch")
    abandon_batch(settings, loader, stuck, "ann", "x")
    assert lease(loader) == other

    plan = accept("one")
    epoch = take_epoch(loader, "trades", "ingest_bronze")
    loader.execute(
        "INSERT INTO ops.batch_task (batch_id, task_id, epoch, try_number, state)"
        " VALUES (%s, 'ingest_bronze', %s, 1, 'RUNNING')",
        [plan.batch_id, epoch],
    )
    set_batch_state(loader, plan.batch_id, "FAILED", error="an older attempt")
    abandon_batch(settings, loader, plan.batch_id, "ann", "x")
    assert lease(loader) == epoch + 1


def lease(loader: Connection) -> int:
    epoch: int = loader.execute("SELECT epoch FROM ops.pipeline_lease").fetchall()[0][0]
    return epoch

"""accept_files on the real ledger: take, judge, record, plan; and every place it can be cut off."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from assay.batch.inputs import Rebuild, Slices
from assay.batch.plan import Plan, read_plan
from assay.errors import BatchError
from assay.intake import accept, judge, landing
from assay.intake.accept import accept_files, batch_id_of
from assay.ledger import batch_state, deliveries, set_batch_state
from assay.settings import Settings
from builders.accepting import land, run_of, second_move_fails
from builders.ledger_rows import commit
from corpus.case import Case
from corpus.trades import HEADER, all_cases, row, rows, text

Connect = Callable[[], psycopg.Connection[Any]]


@pytest.fixture
def connect(database: Any) -> Connect:
    return lambda: database.connect()


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def verdicts(connect: Connect, batch_id: str) -> dict[str, str]:
    with connect() as connection:
        return {d.source_file: d.verdict for d in deliveries(connection, batch_id)}


def test_whole_corpus_gets_its_verdicts_and_nothing_is_lost(
    settings: Settings, connect: Connect, said: list[str]
) -> None:
    cases: dict[str, Case] = {case.delivered_as: case for case in all_cases()}
    for name, case in cases.items():
        land(settings, name, case.content)
    run = run_of("one")
    plan = accept_files(settings, connect, run)

    with connect() as connection:
        seen = {d.source_file: d for d in deliveries(connection, run.batch_id)}
    assert set(seen) == set(cases)
    for name, case in cases.items():
        delivery = seen[name]
        assert Path(delivery.location).read_bytes() == case.content, name
        if delivery.verdict == "duplicate":  # two cases may have the same bytes
            original = cases[delivery.reason.split("'")[1]] if "'" in delivery.reason else case
            assert original.content == case.content
        else:
            assert (delivery.verdict, delivery.reason) == (case.verdict, case.reason), name
            assert delivery.records == case.records, name
    assert {file.source_file for file in plan.slices} == {
        name for name, delivery in seen.items() if delivery.verdict == "accepted"
    }
    assert files_below(settings.landing) == []
    assert not (settings.accepted / "taking" / run.batch_id).exists()
    reason = settings.rejected / "trades" / run.batch_id / "latin1.csv.reason.txt"
    assert reason.read_text() == "not UTF-8: byte 0xe9 at line 3\n"
    assert f"{len(plan.slices)} files, " in said[-1]


def test_plan_lists_the_accepted_file_under_its_content(
    settings: Settings, connect: Connect
) -> None:
    land(settings, "a.csv.gz", gzip.compress(text(HEADER, *rows())))
    run = run_of("one", gate_policy="override", override_reason="known gap")
    plan = accept_files(settings, connect, run)
    (file,) = plan.slices
    assert file.path == str(settings.accepted / "trades" / f"{file.slice_id}.csv.gz")
    assert (file.source_file, file.records, file.header) == ("a.csv.gz", 3, HEADER.split(","))
    assert (plan.commit, type(plan.input), plan.lake) == (True, Slices, plan.bronze_lake)
    assert (plan.gate_policy.mode, plan.gate_policy.user) == ("override", "ann")
    assert read_plan(f"{plan.folder}/plan.json") == plan
    with connect() as connection:
        assert batch_state(connection, run.batch_id) == "RUNNING"


def test_retry_returns_the_frozen_plan_and_takes_nothing(
    settings: Settings, connect: Connect
) -> None:
    land(settings, "a.csv")
    first = accept_files(settings, connect, run_of("one"))
    late = land(settings, "b.csv", text(HEADER, row(9)))
    assert accept_files(settings, connect, run_of("one")) == first
    assert late.exists()


def test_known_content_is_a_duplicate_under_any_name(
    settings: Settings, connect: Connect, said: list[str]
) -> None:
    land(settings, "a.csv")
    land(settings, "b.csv")
    accept_files(settings, connect, run_of("one"))
    assert verdicts(connect, run_of("one").batch_id) == {"a.csv": "accepted", "b.csv": "duplicate"}

    land(settings, "a.csv")
    land(settings, "c.csv")
    plan = accept_files(settings, connect, run_of("two"))
    assert verdicts(connect, plan.batch_id) == {"a.csv": "duplicate", "c.csv": "duplicate"}
    assert not plan.has_work
    assert said[-1] == "0 files, 0 records accepted; 2 duplicates"
    kept = settings.archive / "duplicates" / "trades" / plan.batch_id
    assert files_below(kept) == ["a.csv", "c.csv"]
    with connect() as connection:
        reasons = {d.reason for d in deliveries(connection, plan.batch_id)}
    assert reasons == {f"same content as a file of batch {run_of('one').batch_id}"}


def test_same_name_with_other_content_is_a_new_delivery(
    settings: Settings, connect: Connect
) -> None:
    land(settings, "a.csv")
    accept_files(settings, connect, run_of("one"))
    land(settings, "a.csv", text(HEADER, row(7)))
    plan = accept_files(settings, connect, run_of("two"))
    assert [file.records for file in plan.slices] == [1]


def test_rejected_content_is_checked_again(settings: Settings, connect: Connect) -> None:
    land(settings, "a.txt")
    first = accept_files(settings, connect, run_of("one"))
    assert verdicts(connect, first.batch_id) == {"a.txt": "rejected"}
    land(settings, "a.csv")
    plan = accept_files(settings, connect, run_of("two"))
    assert verdicts(connect, plan.batch_id) == {"a.csv": "accepted"}


def test_reason_file_never_replaces_a_delivery_of_that_name(
    settings: Settings, connect: Connect
) -> None:
    land(settings, "a.csv", b"")
    land(settings, "a.csv.reason.txt", b"delivered")
    plan = accept_files(settings, connect, run_of("one"))
    with connect() as connection:
        kept = {d.source_file: Path(d.location) for d in deliveries(connection, plan.batch_id)}
    assert kept["a.csv"].read_bytes() == b""
    assert judge.reason_path(kept["a.csv"]).read_text() == "empty file\n"
    assert kept["a.csv.reason.txt"].read_bytes() == b"delivered"


def test_links_and_pipes_are_rejected_and_odd_names_work(
    settings: Settings, connect: Connect
) -> None:
    root = land(settings, "a.csv").parent
    (root / "link.csv").symlink_to("/etc/passwd")
    (root / "out").symlink_to("/etc")
    os.mkfifo(root / "pipe.csv")
    land(settings, os.fsdecode(b"caf\xe9.csv"), text(HEADER, row(8)))
    land(settings, "n" * 251 + ".txt", text(HEADER, row(9)))
    plan = accept_files(settings, connect, run_of("one"))
    found = verdicts(connect, plan.batch_id)
    assert found.pop("n" * 251 + ".txt") == "rejected"
    (odd,) = [name for name in found if name.startswith("caf\\xe9.csv~")]
    assert found == {
        "a.csv": "accepted", "link.csv": "rejected", "out": "rejected", "pipe.csv": "rejected",
        odd: "accepted",
    }  # fmt: skip
    assert files_below(settings.landing) == []


@pytest.mark.parametrize(
    "step", ["take_files", "inspect_taken", "record_deliveries", "move_judged", "write_plan"]
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_attempt_that_is_cut_off_is_completed_by_the_next(
    settings: Settings, connect: Connect, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    for name in ("a.csv", "b.csv"):
        land(settings, name)
    land(settings, "c.csv", b"")

    class CutOffError(Exception):
        pass

    module = accept if step == "write_plan" else landing
    real = getattr(module, step)

    def cut_off(*args: Any) -> None:
        if when == "after":
            real(*args)
        raise CutOffError

    with monkeypatch.context() as patch:
        patch.setattr(module, step, cut_off)
        with pytest.raises(CutOffError):
            accept_files(settings, connect, run_of("one"))
    plan = accept_files(settings, connect, run_of("one"))
    assert [file.source_file for file in plan.slices] == ["a.csv"]
    assert Path(plan.slices[0].path).is_file()
    assert verdicts(connect, plan.batch_id) == {
        "a.csv": "accepted", "b.csv": "duplicate", "c.csv": "rejected",
    }  # fmt: skip
    assert files_below(settings.landing) == []
    assert not (settings.accepted / "taking" / plan.batch_id).exists()


def test_moves_that_are_cut_off_half_way_keep_their_recorded_verdicts(
    settings: Settings, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv"):
        land(settings, name)
    with second_move_fails(monkeypatch, judge):
        accept_files(settings, connect, run_of("one"))
    land(settings, "late.csv", text(HEADER, row(5)))
    plan = accept_files(settings, connect, run_of("one"))
    assert verdicts(connect, plan.batch_id) == {"a.csv": "accepted", "b.csv": "duplicate"}
    assert files_below(settings.landing) == ["trades/late.csv"]


def test_nothing_pending_is_an_empty_batch(
    settings: Settings, connect: Connect, said: list[str]
) -> None:
    plan = accept_files(settings, connect, run_of(run_type="scheduled"))
    assert not plan.has_work
    assert said == ["nothing new"]
    with connect() as connection:
        assert batch_state(connection, plan.batch_id) == "EMPTY"


def names_of(plan: Plan) -> list[str]:
    return [file.source_file for file in plan.slices]


def test_day_and_glob_choose_the_files(settings: Settings, connect: Connect) -> None:
    for number, name in enumerate(["t_2026-01-01.csv", "t_2026-01-02.csv", "u_2026-01-02.csv"]):
        land(settings, name, text(HEADER, row(number)))
    backfill = accept_files(settings, connect, run_of("bf", run_type="backfill"))
    assert names_of(backfill) == ["t_2026-01-01.csv"]
    params = {"batch_date": "2026-01-02", "landing_glob": "u*"}
    assert names_of(accept_files(settings, connect, run_of("m", **params))) == ["u_2026-01-02.csv"]
    scheduled = accept_files(settings, connect, run_of("s", run_type="scheduled"))
    assert names_of(scheduled) == ["t_2026-01-02.csv"]


def test_dry_run_leaves_landing_and_ledger_alone(
    settings: Settings, connect: Connect, said: list[str]
) -> None:
    land(settings, "a.csv")
    land(settings, "b.csv", b"")
    plan = accept_files(settings, connect, run_of(dry_run=True))
    assert files_below(settings.landing) == ["trades/a.csv", "trades/b.csv"]
    assert not settings.accepted.exists()
    assert not plan.commit
    assert plan.bronze_lake == f"{plan.folder}/scratch/lake"
    assert Path(plan.slices[0].path).is_relative_to(f"{plan.folder}/scratch/accepted")
    assert Path(plan.slices[0].path).read_bytes() == text(HEADER, *rows())
    assert said[-1] == "1 file, 3 records accepted; 1 rejected (empty file)"
    assert verdicts(connect, plan.batch_id) == {}
    real = accept_files(settings, connect, run_of("real"))
    assert names_of(real) == ["a.csv"]


def test_full_rebuild_takes_no_file_and_names_the_batches(
    settings: Settings, connect: Connect, said: list[str]
) -> None:
    for name in ("one", "two"):
        land(settings, "a.csv", text(HEADER, row(len(name), Created_By=name)))
        accept_files(settings, connect, run_of(name))
        with connect() as connection:
            commit(connection, run_of(name).batch_id, 1)
    waiting = land(settings, "b.csv")
    said.clear()
    plan = accept_files(settings, connect, run_of("re", full_rebuild=True))
    assert waiting.exists()
    assert plan.input == Rebuild([run_of("one").batch_id, run_of("two").batch_id])
    assert plan.generation == 2
    assert said == ["rebuild from 2 batches in bronze"]
    tried = accept_files(settings, connect, run_of("try", full_rebuild=True, dry_run=True))
    assert (tried.commit, tried.bronze_lake) == (False, str(settings.lake))


def test_interrupted_commit_of_another_batch_stops_the_next(
    settings: Settings, connect: Connect
) -> None:
    land(settings, "a.csv")
    stuck = accept_files(settings, connect, run_of("one")).batch_id
    with connect() as connection:
        set_batch_state(connection, stuck, "COMMITTING")
    fence = {"batch_id": stuck, "epoch": 3, "digest": "d"}
    properties = CommitProperties(custom_metadata={"userMetadata": json.dumps(fence)})
    rows = pa.table({"x": ["written"]})
    path = settings.lake / "quarantine" / "trades"
    write_deltalake(str(path), rows, commit_properties=properties)
    waiting = land(settings, "b.csv", text(HEADER, row(4)))
    with pytest.raises(BatchError, match=f"assay batch retry {stuck}"):
        accept_files(settings, connect, run_of("two"))
    assert waiting.exists()
    assert accept_files(settings, connect, run_of("one")).batch_id == stuck


def test_commit_that_was_cut_off_before_it_wrote_anything_stops_nobody(
    settings: Settings, connect: Connect
) -> None:
    land(settings, "a.csv")
    cut_off = accept_files(settings, connect, run_of("one")).batch_id
    with connect() as connection:
        set_batch_state(connection, cut_off, "COMMITTING")
        land(settings, "b.csv", text(HEADER, row(4)))
        assert names_of(accept_files(settings, connect, run_of("two"))) == ["b.csv"]
        assert batch_state(connection, cut_off) == "FAILED"


def test_batch_id_is_stable_and_readable() -> None:
    assert (
        batch_id_of("trades", "manual__x", "2026-01-01")
        == "trades_2026-01-01_" + (hashlib.sha256(b"manual__x").hexdigest()[:8])
    )
    assert replace(run_of("one"), run_type="backfill").only_day == "2026-01-01"

"""Delivered files on S3: taken, judged, archived and given back as on a disk, also in two tries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from assay.batch.plan import Plan
from assay.errors import BatchError
from assay.intake import moves
from assay.intake.accept import accept_files
from assay.intake.archive import accepted_files_in_place, archive_files
from assay.ledger import deliveries
from assay.operations.abandon import abandon_batch
from assay.operations.reject_file import reject_file
from assay.settings import Settings, load_settings
from assay.storage.addresses import ObjectPath, Place, as_place
from assay.storage.objects import put, read_bytes, sizes_below, stored_below
from builders.accepting import run_of
from builders.ledger_rows import bring_to
from corpus.case import Case
from corpus.trades import HEADER, all_cases, row, text

Connection = psycopg.Connection[Any]
Accept = Callable[..., Plan]
ODD = "sub/a b'~#%41 ü.csv"


class CutOff(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def settings(tmp_path: Path, bucket: ObjectPath) -> Settings:
    return load_settings({"ASSAY_HOME": str(tmp_path), "ASSAY_FILES": str(bucket)})


@pytest.fixture
def accept(settings: Settings, database: Any) -> Accept:
    return lambda name, **params: accept_files(settings, database.connect, run_of(name, **params))


def end_at(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the process end at a removal of an original, after its copy; those before it are done."""
    real, left = moves.remove, [times]

    def remove(place: Place) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise CutOff
        real(place)

    monkeypatch.setattr(moves, "remove", remove)


def land(settings: Settings, name: str, content: bytes) -> None:
    put(settings.landing / "trades" / name, content)


def names(place: Place) -> list[str]:
    return sorted(sizes_below(place))


def test_the_corpus_gets_its_verdicts_and_nothing_is_lost(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    cases: dict[str, Case] = {
        case.delivered_as: case for case in all_cases() if case.delivered_as.isprintable()
    }
    for name, case in cases.items():
        land(settings, name, case.content)
    plan = accept("one")
    seen = {d.source_file: d for d in deliveries(loader, plan.batch_id)}
    assert seen.keys() == cases.keys()
    for name, delivery in seen.items():
        assert read_bytes(as_place(delivery.location)) == cases[name].content, name
        if delivery.verdict != "duplicate":
            assert (delivery.verdict, delivery.reason) == (cases[name].verdict, cases[name].reason)
    assert names(settings.landing) == names(settings.accepted / "taking") == []
    reason = settings.rejected / "trades" / plan.batch_id / "latin1.csv.reason.txt"
    assert read_bytes(reason) == b"not UTF-8: byte 0xe9 at line 3\n"


def test_unfinished_names_stay_and_odd_ones_are_taken_and_given_back(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    for number, name in enumerate((ODD, "b.csv.part", "_c/d.csv", ".e.csv")):
        land(settings, name, text(HEADER, row(number)))
    plan = accept("one")
    assert [file.source_file for file in plan.slices] == [ODD]
    assert names(settings.landing) == ["trades/.e.csv", "trades/_c/d.csv", "trades/b.csv.part"]
    assert abandon_batch(settings, loader, plan.batch_id, "ann", "a test") == 1
    assert f"trades/{ODD}" in names(settings.landing)


def test_a_dry_run_leaves_landing_as_it_was(settings: Settings, accept: Accept) -> None:
    land(settings, "a.csv", text(HEADER, row(1)))
    before = stored_below(settings.landing)
    plan = accept("one", dry_run=True)
    assert Path(plan.slices[0].path).read_bytes() == text(HEADER, row(1))
    assert stored_below(settings.landing) == before


@pytest.mark.parametrize("times", [1, 2])
def test_accepting_that_was_cut_off_is_completed(
    settings: Settings, accept: Accept, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    land(settings, "a.csv", text(HEADER, row(1)))
    end_at(monkeypatch, times)
    with pytest.raises(CutOff):
        accept("one")
    plan = accept("one")
    assert names(settings.landing) == names(settings.accepted / "taking") == []
    assert names(settings.accepted) == [f"trades/{plan.slices[0].slice_id}.csv"]
    assert not accept("two").has_work


def test_archiving_that_was_cut_off_is_completed_and_lends_its_file(
    settings: Settings,
    accept: Accept,
    database: Any,
    loader: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    land(settings, "a.csv", text(HEADER, row(1)))
    plan = accept("one")
    bring_to(loader, plan.batch_id, "PUBLISHED")
    end_at(monkeypatch, 1)
    with pytest.raises(CutOff):
        archive_files(settings, loader, plan)
    assert archive_files(settings, loader, plan) == 1
    (archived,) = names(settings.archive)
    assert archived.endswith(f"/{plan.batch_id}/a.csv")
    assert names(settings.accepted) == []
    with accepted_files_in_place(database.connect, plan):
        assert read_bytes(as_place(plan.slices[0].path)) == text(HEADER, row(1))
    assert names(settings.accepted) == []


def test_a_file_that_its_sender_overwrites_meanwhile_is_not_taken(
    settings: Settings, accept: Accept, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(settings, "a.csv", text(HEADER, row(1)))
    real = moves.copy

    def overwritten(source: ObjectPath, target: ObjectPath) -> None:
        real(source, target)
        land(settings, "a.csv", text(HEADER, row(2)))

    with monkeypatch.context() as patched:
        patched.setattr(moves, "copy", overwritten)
        with pytest.raises(BatchError, match="was overwritten while it was taken"):
            accept("one")
    plan = accept("one")
    assert read_bytes(as_place(plan.slices[0].path)) == text(HEADER, row(2))


def test_a_rejected_file_lies_beside_its_reason(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    land(settings, "a.csv", text(HEADER, row(1)))
    plan = accept("one")
    assert reject_file(settings, loader, plan.batch_id, plan.slices[0].slice_id, "not ours")
    folder = settings.rejected / "trades" / plan.batch_id
    assert names(folder) == ["a.csv", "a.csv.reason.txt"]
    assert read_bytes(folder / "a.csv.reason.txt") == b"not ours\n"

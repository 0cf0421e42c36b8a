"""Archiving: only what is published moves, to the hour of its release, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from assay.batch.plan import Plan
from assay.errors import BatchError
from assay.intake import archive
from assay.intake.accept import accept_files
from assay.intake.archive import archive_files
from assay.ledger import deliveries
from assay.settings import Settings
from builders.accepting import land, run_of
from builders.ledger_rows import bring_to
from corpus.trades import HEADER, row, text

Connection = psycopg.Connection[Any]
Accept = Callable[[str], Plan]


@pytest.fixture
def accept(settings: Settings, database: Any) -> Accept:
    numbers = iter(range(100))

    def run_once(name: str) -> Plan:
        for source_file in ("a.csv", "sub/b.csv"):
            land(settings, source_file, text(HEADER, row(next(numbers))))
        return accept_files(settings, database.connect, run_of(name))

    return run_once


def release(loader: Connection, plan: Plan, at: str) -> None:
    bring_to(loader, plan.batch_id, "PUBLISHED")
    loader.execute(
        "INSERT INTO ops.release (pipeline, batch_id, epoch, generation, versions, counts, sums,"
        " content, released_at) VALUES ('trades', %s, 1, 1, '{}', '{}', '{}', '{}', %s)",
        [plan.batch_id, at],
    )


def test_published_files_move_to_the_hour_of_their_release(
    settings: Settings, accept: Accept, loader: Connection, said: list[str]
) -> None:
    earlier, plan, waiting = accept("zero"), accept("one"), accept("two")
    release(loader, earlier, "2026-01-31T20:00:00Z")
    release(loader, plan, "2026-02-01T00:30:00+02:00")
    contents = {file.source_file: Path(file.path).read_bytes() for file in plan.slices}
    loader.execute("SET timezone TO 'Asia/Tokyo'")

    said.clear()
    assert archive_files(settings, loader, plan) == 4
    assert said == ["4 files archived"]
    folder = settings.archive / "2026-01-31-22" / plan.batch_id
    assert {name: (folder / name).read_bytes() for name in contents} == contents
    locations = [d.location for d in deliveries(loader, plan.batch_id)]
    assert locations == [str(folder / "a.csv"), str(folder / "sub/b.csv")]
    assert (settings.archive / "2026-01-31-20" / earlier.batch_id / "a.csv").is_file()
    assert all(Path(file.path).is_file() for file in waiting.slices)

    assert archive_files(settings, loader, plan) == 0
    assert said[-1] == "no file to archive"


@pytest.mark.parametrize("state", ["RUNNING", "FAILED", "COMMITTING", "COMMITTED"])
def test_unpublished_files_stay(
    settings: Settings, accept: Accept, loader: Connection, state: str
) -> None:
    plan = accept("one")
    bring_to(loader, plan.batch_id, state)
    assert archive_files(settings, loader, plan) == 0
    assert all(Path(file.path).is_file() for file in plan.slices)


def test_attempt_that_was_cut_off_before_the_ledger_knew_is_completed(
    settings: Settings, accept: Accept, loader: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = accept("one")
    release(loader, plan, "2026-01-31T20:00:00Z")

    def cut_off(*_: Any) -> None:
        raise BatchError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(archive, "record_locations", cut_off)
        with pytest.raises(BatchError, match="cut off"):
            archive_files(settings, loader, plan)
    assert archive_files(settings, loader, plan) == 2
    folder = settings.archive / "2026-01-31-20" / plan.batch_id
    assert (folder / "a.csv").is_file()
    assert archive_files(settings, loader, plan) == 0


def test_taken_name_in_the_archive_is_never_overwritten(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    plan = accept("one")
    release(loader, plan, "2026-01-31T20:00:00Z")
    other = settings.archive / "2026-01-31-20" / plan.batch_id / "a.csv"
    other.parent.mkdir(parents=True)
    other.write_text("other")
    archive_files(settings, loader, plan)
    assert other.read_text() == "other"
    file = plan.slices[0]
    assert other.with_name(f"a.csv.{file.slice_id[:8]}").is_file()


def test_file_that_is_nowhere_is_named_and_the_others_move(
    settings: Settings, accept: Accept, loader: Connection
) -> None:
    plan = accept("one")
    release(loader, plan, "2026-01-31T20:00:00Z")
    Path(plan.slices[0].path).unlink()
    with pytest.raises(BatchError, match=r"1 file neither .* delivered as 'a.csv'"):
        archive_files(settings, loader, plan)
    assert (settings.archive / "2026-01-31-20" / plan.batch_id / "sub/b.csv").is_file()

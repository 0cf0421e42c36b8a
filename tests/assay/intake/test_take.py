"""Landing: what is pending, and taking it without loss."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from assay.errors import BatchError
from assay.intake.moves import hold_files, move_file
from assay.intake.take import batch_folders, pending_files, take_files, taken_files
from assay.settings import Settings


def land(settings: Settings, name: str, content: str = "x") -> Path:
    path = settings.landing / "trades" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_only_final_names_are_pending(settings: Settings) -> None:
    for name in ("b.csv", "a.csv", ".c.csv", "d.csv.part", "sub/e.csv", "_f/g.csv", "h.x/i.csv"):
        land(settings, name)
    assert pending_files(settings, "trades", "*", None) == [
        "a.csv",
        "b.csv",
        "h.x/i.csv",
        "sub/e.csv",
    ]


def test_glob_and_day_choose(settings: Settings) -> None:
    for name in ("x_2026-01-01.csv", "x_2026-01-02.csv", "y_2026-01-01.csv"):
        land(settings, name)
    undated = land(settings, "x.csv")
    os.utime(undated, (0, 1_767_268_800))
    assert pending_files(settings, "trades", "x*", "2026-01-01") == ["x.csv", "x_2026-01-01.csv"]
    assert pending_files(settings, "trades", "[xy]_*-02.csv", None) == ["x_2026-01-02.csv"]


def test_no_landing_folder_means_nothing_pending(settings: Settings) -> None:
    assert pending_files(settings, "trades", "*", None) == []


def test_links_out_of_landing_are_pending_but_never_entered(
    settings: Settings, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text("x")
    root = land(settings, "a.csv").parent
    (root / "folder").symlink_to(outside)
    (root / "file.csv").symlink_to(outside / "secret.csv")
    assert pending_files(settings, "trades", "*", None) == ["a.csv", "file.csv", "folder"]


def test_taken_file_leaves_landing(settings: Settings) -> None:
    names = ["a b'\"\n.csv", "sub/c.csv"]
    for name in names:
        land(settings, name, content=name)
    folders = batch_folders(settings, "b1", dry_run=False)
    take_files(settings, "trades", names, folders)
    taken = taken_files(folders, ["trades"])
    assert [file.name for file in taken] == names
    assert [file.path.read_text() for file in taken] == names
    assert pending_files(settings, "trades", "*", None) == []


def test_file_that_vanished_is_no_error(settings: Settings) -> None:
    folders = batch_folders(settings, "b1", dry_run=False)
    take_files(settings, "trades", ["gone.csv"], folders)
    assert taken_files(folders, ["trades"]) == []


def test_second_delivery_never_overwrites_a_taken_file(settings: Settings) -> None:
    folders = batch_folders(settings, "b1", dry_run=False)
    land(settings, "a.csv", content="first")
    take_files(settings, "trades", ["a.csv"], folders)
    second = land(settings, "a.csv", content="second")
    take_files(settings, "trades", ["a.csv"], folders)
    assert taken_files(folders, ["trades"])[0].path.read_text() == "first"
    assert second.read_text() == "second"


def test_dry_run_takes_nothing_away(settings: Settings) -> None:
    path = land(settings, "a.csv")
    folders = batch_folders(settings, "b1", dry_run=True)
    take_files(settings, "trades", ["a.csv"], folders)
    (taken,) = taken_files(folders, ["trades"])
    assert path.exists()
    assert taken.path.is_relative_to(settings.batches / "b1" / "scratch")
    assert not settings.accepted.exists()


def test_full_disk_is_said_and_the_file_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = land(settings, "a.csv")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(BatchError, match="the disk is full: free some space"):
        move_file(path, settings.accepted / "a.csv")
    assert path.exists()


def test_two_processes_do_not_move_files_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.intake.moves.LOCK_SECONDS", 0.2)
    with hold_files(settings, "trades"):
        with (
            pytest.raises(BatchError, match="another process has moved files of trades"),
            hold_files(settings, "trades"),
        ):
            pass
        with hold_files(settings, "finance"):
            pass
    with hold_files(settings, "trades"):
        pass

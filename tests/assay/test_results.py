"""Results of stages: whole or absent, and the newest epoch is the one that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import AssayError, BatchError, FencedError
from assay.results import (
    latest_result,
    next_epoch,
    read_failure,
    read_result,
    take_ahead,
    write_ahead,
    write_failure,
    write_result,
)


def test_a_fenced_attempt_that_wakes_late_is_not_believed(tmp_path: Path) -> None:
    write_result(str(tmp_path), "build_silver", 12, {"digest": "new"})
    write_result(str(tmp_path), "build_silver", 9, {"digest": "late"})
    assert latest_result(str(tmp_path), "build_silver")["digest"] == "new"


def test_a_missing_result_says_what_to_clear(tmp_path: Path) -> None:
    with pytest.raises(BatchError, match="clear the task commit"):
        latest_result(str(tmp_path), "commit")
    with pytest.raises(BatchError, match="ended without a result"):
        read_result(str(tmp_path), "commit", 3)


def test_epochs_of_a_dry_run_are_numbered_in_its_folder(tmp_path: Path) -> None:
    assert next_epoch(str(tmp_path)) == 1
    write_result(str(tmp_path), "ingest_bronze", 4, {})
    assert next_epoch(str(tmp_path)) == 5


def test_a_failure_keeps_its_kind_and_text(tmp_path: Path) -> None:
    write_failure(str(tmp_path), "commit", 3, FencedError("epoch 3 is over"))
    failure = read_failure(str(tmp_path), "commit", 3)
    assert isinstance(failure, FencedError)
    assert str(failure) == "epoch 3 is over"
    assert read_failure(str(tmp_path), "commit", 4) is None
    write_failure(str(tmp_path), "commit", 5, AssayError("plain"))
    assert type(read_failure(str(tmp_path), "commit", 5)) is AssayError


def run_ahead(folder: str, rules: str) -> None:
    write_ahead(folder, "build_silver", 7, "ingest_bronze", rules)
    write_result(folder, "build_silver", 7, {})


def test_what_ran_ahead_is_taken_once_and_under_the_same_rules(tmp_path: Path) -> None:
    folder = str(tmp_path)
    run_ahead(folder, "abc")
    assert take_ahead(folder, "build_silver", 7, "abc") == "ingest_bronze"
    assert take_ahead(folder, "build_silver", 7, "abc") is None
    run_ahead(folder, "abc")
    assert take_ahead(folder, "build_silver", 7, "changed") is None


def test_what_ran_ahead_is_not_taken_after_another_attempt(tmp_path: Path) -> None:
    run_ahead(str(tmp_path), "abc")
    assert take_ahead(str(tmp_path), "build_silver", 8, "abc") is None


def test_what_did_not_come_to_its_end_is_not_taken(tmp_path: Path) -> None:
    write_ahead(str(tmp_path), "build_silver", 7, "ingest_bronze", "abc")
    assert take_ahead(str(tmp_path), "build_silver", 7, "abc") is None


def test_an_epoch_used_ahead_is_still_that_of_the_next_attempt_of_a_dry_run(
    tmp_path: Path,
) -> None:
    write_result(str(tmp_path), "validate_bronze", 6, {})
    run_ahead(str(tmp_path), "abc")
    assert next_epoch(str(tmp_path)) == 7

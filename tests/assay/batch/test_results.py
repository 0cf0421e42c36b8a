"""Results of stages: whole or absent, and the newest epoch is the one that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.batch.results import (
    latest_result,
    next_epoch,
    read_failure,
    read_result,
    write_failure,
    write_result,
)
from assay.errors import AssayError, BatchError, FencedError


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

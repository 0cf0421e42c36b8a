"""How far the application of a stage may go on without the tasks of the stages after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.plan import Movement
from builders.batches import make_plan
from spark_jobs.chain import stages_ahead

GATES_AND_GOLD = ["validate_silver", "build_gold", "validate_gold"]


@pytest.mark.parametrize(
    ("stage", "ahead"),
    [
        ("ingest_bronze", ["validate_bronze", "build_silver", *GATES_AND_GOLD]),
        ("build_silver", GATES_AND_GOLD),
        ("validate_gold", []),
        ("commit", []),
    ],
)
def test_everything_up_to_the_last_gate_runs_ahead(
    tmp_path: Path, stage: str, ahead: list[str]
) -> None:
    assert stages_ahead(make_plan(tmp_path, "b", []), stage) == ahead


def test_nothing_runs_ahead_of_a_look_into_quarantine(tmp_path: Path) -> None:
    patch = make_plan(tmp_path, "b", [], movement=Movement("patched", "ann", "by hand"))
    assert stages_ahead(patch, "ingest_bronze") == ["validate_bronze"]
    assert stages_ahead(patch, "build_silver") == GATES_AND_GOLD

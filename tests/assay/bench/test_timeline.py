"""What Airflow records of a run becomes steps that add up, and multiples of the bare starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from assay.bench.timeline import BareStarts, Timeline, bare_chain, steps_table, timeline

QUEUED = datetime(2026, 1, 1, tzinfo=UTC)
INSIDE = {"ingest_bronze": 2.5, "validate_bronze": 1.5}


def run_of(build_seconds: float) -> Timeline:
    def at(seconds: float) -> datetime:
        return QUEUED + timedelta(seconds=seconds)

    build = ("ingest_bronze", at(4), at(4 + build_seconds))
    gate = ("validate_bronze", at(5 + build_seconds), at(6 + build_seconds))
    return timeline(QUEUED, [gate, ("accept_files", at(2), at(3)), build], gate[2], INSIDE)


def test_the_steps_with_the_waits_between_them_are_the_whole_run() -> None:
    run = run_of(build_seconds=8)

    assert [(step.task_id, step.waiting, step.working) for step in run.steps] == [
        ("accept_files", 2, 1),
        ("ingest_bronze", 1, 8),
        ("validate_bronze", 1, 1),
    ]
    assert run.seconds == 14


def test_what_airflow_takes_to_end_the_run_belongs_to_it() -> None:
    task = ("accept_files", QUEUED, QUEUED + timedelta(seconds=3))

    run = timeline(QUEUED, [task], QUEUED + timedelta(seconds=5), {})

    assert (run.closing, run.seconds) == (2, 5)


def test_a_task_that_was_skipped_without_a_process_is_no_step() -> None:
    end = QUEUED + timedelta(seconds=3)
    skipped = ("ingest_bronze", end, end)

    run = timeline(QUEUED, [("accept_files", QUEUED, end), skipped], end, {})

    assert [step.task_id for step in run.steps] == ["accept_files"]


def test_only_a_task_with_a_stage_has_a_bare_start_of_spark() -> None:
    assert bare_chain(run_of(build_seconds=8), BareStarts(airflow=1, spark=4)) == 3 * 1 + 2 * 4


@pytest.mark.parametrize("others", [(8, 8), (2, 30)])
def test_the_table_has_medians_as_multiples_of_the_bare_starts(others: tuple[int, int]) -> None:
    runs = [run_of(8), *(run_of(seconds) for seconds in others)]

    table = steps_table("a day", runs, BareStarts(airflow=1, spark=4))

    assert [*table.rows] == [
        ["accept_files", "3.0", "2.0", "", "1.0", "3.0x", "21%"],
        ["ingest_bronze", "9.0", "1.0", "2.5", "5.0", "1.8x", "64%"],
        ["validate_bronze", "2.0", "1.0", "1.5", "5.0", "0.4x", "14%"],
        ["whole run", "14.0", "4.0", "4.0", "11.0", "1.3x", "100%"],
    ]

"""The arithmetic of the bench: ratios of medians, goals, spread, and scaling a loop."""

from __future__ import annotations

import json

import pytest

from assay.bench.figures import RATIO_COLUMNS, Breakdown, PartResult, Ratio, scale_loop


def test_a_cost_is_ours_as_a_share_of_theirs_by_medians() -> None:
    ratio = Ratio("start", ours=[4.0, 5.0, 30.0], theirs=[10.0, 9.0, 11.0], goal=0.65)

    assert ratio.value == 0.5
    assert ratio.met is True


def test_a_speed_is_how_many_times_faster_ours_is() -> None:
    ratio = Ratio("publish", ours=[10.0], theirs=[18.0], goal=1.8, kind="speed")

    assert ratio.value == pytest.approx(1.8)
    assert ratio.met is True
    assert Ratio("publish", [10.0], [17.0], 1.8, kind="speed").met is False


@pytest.mark.parametrize(("ours", "met"), [(5.0, True), (5.1, False)])
def test_a_cost_meets_its_goal_up_to_and_with_it(ours: float, met: bool) -> None:
    assert Ratio("dag", [ours], [10.0], goal=0.5).met is met


def test_without_a_goal_nothing_is_met_or_missed() -> None:
    ratio = Ratio("silver", [5.0], [1.0])

    assert ratio.met is None
    assert ratio.as_row()[3:5] == ["", ""]


def test_the_spread_compares_what_was_measured_in_the_same_round() -> None:
    assert Ratio("start", ours=[1.0, 4.0], theirs=[2.0, 4.0]).spread == (0.5, 1.0)


def test_the_spread_of_unequal_rounds_is_that_of_all_pairs() -> None:
    assert Ratio("again", ours=[1.0, 2.0, 4.0], theirs=[10.0]).spread == (0.1, 0.4)


def test_a_row_has_the_seconds_only_beside_the_ratio() -> None:
    row = Ratio("start", [4.0, 5.0, 6.0], [10.0, 10.0, 10.0], goal=0.65).as_row()

    assert len(row) == len(RATIO_COLUMNS)
    assert row == ["start", "0.50x", "0.40 to 0.60", "<= 0.65x", "met", "5.0 s", "10.0 s"]


def test_a_loop_is_scaled_at_the_pace_of_its_warm_half() -> None:
    # The first file pays for warming up, once: it must not count for the files not measured.
    assert scale_loop([10.0, 2.0, 1.0, 1.0], files=10) == 14.0 + 6 * 1.0


def test_a_loop_that_was_measured_whole_is_not_scaled() -> None:
    assert scale_loop([3.0, 2.0, 1.0], files=3) == 6.0


def test_a_result_is_kept_as_json_with_its_verdict_and_why_a_part_could_not_run() -> None:
    done = PartResult(
        "dag",
        ratios=[Ratio("whole", [4.0], [10.0], goal=0.5)],
        breakdowns=[Breakdown("tasks", ("task", "seconds"), [("commit", "1.0")])],
        notes=["scaled"],
    )
    kept = json.loads(
        json.dumps([done.as_json(), PartResult("start", trouble="no Java").as_json()])
    )

    assert kept[0]["ratios"][0]["ratio"] == 0.4
    assert kept[0]["ratios"][0]["met"] is True
    assert kept[0]["breakdowns"][0]["rows"] == [["commit", "1.0"]]
    assert kept[1] == {
        "part": "start",
        "ratios": [],
        "breakdowns": [],
        "notes": [],
        "trouble": "no Java",
    }

"""The pace is steady, catches up, and never hands over an event before its time."""

from __future__ import annotations

import pytest

from assay.produce.pace import Pace
from builders.produced import Clock


def hand_over_all(pace: Pace, clock: Clock, stalls: dict[int, float]) -> list[tuple[float, int]]:
    """Time and number of every hand-over; the n-th one takes as long as `stalls` says."""
    done, made = 0, []
    while done < pace.total:
        due = pace.wait(done)
        made.append((round(clock.now, 6), due - done))
        done = due
        clock.now += stalls.get(len(made), 0.0)
    return made


@pytest.mark.parametrize(("rate", "interval"), [(100, 0.25), (5000, 0.05), (1, 0.25), (3, 0.1)])
def test_every_second_has_as_many_as_asked_for(rate: int, interval: float) -> None:
    clock = Clock()
    made = hand_over_all(Pace(rate, 4 * rate, interval, clock, clock.sleep), clock, {})
    assert sum(number for _, number in made) == 4 * rate
    assert max(number for _, number in made) <= rate * interval + 1
    assert made[-1][0] == pytest.approx(4.0, abs=interval)


def test_what_was_held_up_comes_at_once_and_nothing_before_its_time() -> None:
    clock = Clock()
    pace = Pace(100, 400, 0.25, clock, clock.sleep)
    made = hand_over_all(pace, clock, {2: 1.6})
    assert made[:4] == [(0.25, 25), (0.5, 25), (2.1, 160), (2.25, 15)]
    assert {number for _, number in made[4:]} == {25}
    done = 0
    for at, number in made:
        done += number
        assert done <= at * 100 + 1e-6
    assert pace.most_behind == pytest.approx(1.34, abs=0.02)


def test_a_pace_that_is_kept_is_never_behind() -> None:
    clock = Clock()
    pace = Pace(100, 200, 0.25, clock, clock.sleep)
    hand_over_all(pace, clock, {})
    assert pace.most_behind <= 0.01


def test_what_is_due_while_events_are_handed_over_waits_for_the_next_time() -> None:
    clock = Clock()
    made = hand_over_all(
        Pace(5000, 10_000, 0.25, clock, clock.sleep), clock, dict.fromkeys(range(1, 9), 0.02)
    )
    assert [number for _, number in made] == [1250] * 8

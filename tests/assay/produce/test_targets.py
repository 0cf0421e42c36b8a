"""What is delivered is kept as ranges, in whatever order it is told."""

from __future__ import annotations

import random

from assay.produce.targets import Delivered


def test_events_of_several_partitions_are_few_ranges_at_any_time() -> None:
    """Each partition tells its own events in their order, some hundreds ahead of the others."""
    chance = random.Random(3)  # noqa: S311
    waiting = [[*range(number, 30_000, 3)][::-1] for number in range(3)]
    done, most = Delivered(), 0
    while any(waiting):
        told = min(chance.sample([each for each in waiting if each], 1), key=len)
        for _ in range(chance.randrange(1, 200)):
            if told and told[-1] < min(each[-1] for each in waiting if each) + 1_500:
                done.add(told[-1], told.pop())
        most = max(most, len(done.last_of), len(done.first_of))
    assert done.ranges == [(0, 29_999)]
    assert most < 1_600


def test_ranges_join_on_both_sides_and_what_is_missing_stays_missing() -> None:
    done = Delivered()
    assert not done.ranges
    for first, last in ((5, 6), (0, 1), (9, 9), (2, 2), (7, 8), (20, 24)):
        done.add(first, last)
    assert done.ranges == [(0, 2), (5, 9), (20, 24)]
    done.add(3, 4)
    assert done.ranges == [(0, 9), (20, 24)]
    assert {*done.last_of} == {0, 20}
    assert {*done.first_of} == {9, 24}

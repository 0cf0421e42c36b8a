"""The meter tells of the last minute only, and of every record by when it came."""

from __future__ import annotations

from assay.streams.meter import WINDOW, Meter
from builders.produced import Clock


def test_the_last_minute_of_a_stream() -> None:
    clock = Clock()
    meter = Meter(clock)
    assert meter.measured() is None
    meter.shown(1000, {9.0: 1000})
    clock.now += WINDOW + 1
    for number in range(2):
        with meter.part("read"):
            clock.now += 0.1
        with meter.part("judge"):
            clock.now += 0.3
        with meter.part("judge"):  # again, after an outage
            clock.now += 0.1
        meter.shown(300, {0.5: 280, 2.0 + number: 20, -3.0: 0})
    told = meter.measured()
    assert told is not None
    assert (told.rate, told.micro_batches) == (600 / WINDOW, 2)
    assert (told.p50, told.p95, told.p99) == (0.5, 2.0, 3.0)
    assert (told.read, told.judge, told.record) == (0.1, 0.4, 0.0)
    clock.now += WINDOW + 1
    assert meter.measured() is None


def test_without_a_time_of_arrival_there_is_a_pace_and_no_delay() -> None:
    clock = Clock()
    meter = Meter(clock)
    clock.now += WINDOW + 1
    meter.shown(6, {})
    told = meter.measured()
    assert told is not None
    assert (told.rate, told.p95) == (0.1, None)


def test_the_rate_of_a_stream_that_has_just_begun_is_that_of_its_seconds() -> None:
    clock = Clock()
    meter = Meter(clock)
    clock.now += 10
    meter.shown(1000, {})
    told = meter.measured()
    assert told is not None
    assert told.rate == 100.0

"""What asks an application to stop: whatever comes after its own beginning, and nothing before."""

from __future__ import annotations

from assay.settings import Settings
from assay.streams.stopping import StopFile, ask_to_stop

NAME = "ecommerce_events"


def test_what_is_asked_after_a_process_has_begun_stops_it(settings: Settings) -> None:
    file = StopFile.of(settings, NAME)
    assert not file.is_asked()
    ask_to_stop(settings, NAME)
    assert file.is_asked()
    assert file.is_asked(), "it is not taken from another process by a look"
    assert not StopFile.of(settings, "stocks").is_asked()


def test_what_was_asked_of_an_earlier_process_does_not_stop_this_one(settings: Settings) -> None:
    ask_to_stop(settings, NAME)
    file = StopFile.of(settings, NAME)
    assert not file.is_asked()
    ask_to_stop(settings, NAME)
    assert file.is_asked()


def test_a_file_that_somebody_removes_stops_nobody(settings: Settings) -> None:
    ask_to_stop(settings, NAME)
    file = StopFile.of(settings, NAME)
    file.path.unlink()
    assert not file.is_asked()

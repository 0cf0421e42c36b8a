"""Files on their way to a stream: each in one place, whatever cuts it off; no Spark."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from assay.settings import Settings, load_settings
from assay.streams import acceptance, lists
from assay.streams.acceptance import Acceptance
from assay.streams.lists import Lists, read_list
from assay.streams.names import Stream
from builders.streams import HEADER, events

STREAM = Stream("ecommerce_events", "files")


@dataclass
class KnownContent:
    """Stands for the books, of which it is asked one thing: which contents they have."""

    known: set[str] = field(default_factory=set)

    def ask(self, question: Callable[[Any], Any]) -> set[str]:
        return self.known


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings({"ASSAY_HOME": str(tmp_path)})
    (made.landing / STREAM.dataset).mkdir(parents=True)
    return made


def acceptance_of(settings: Settings, epoch: int = 1, known: set[str] | None = None) -> Acceptance:
    books = KnownContent(known or set())
    return Acceptance(settings, STREAM, epoch, Lists(STREAM.folder(settings) / "lists"), books.ask)


def land(settings: Settings, name: str, text: str, *, age: float = 60) -> Path:
    """A file that has rested for so many seconds, as far as its own clock says."""
    path = Path(settings.landing / STREAM.dataset) / name
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.fixture(autouse=True)
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a contract with `settle_seconds: 0`."""
    source = replace(STREAM.bronze.source, settle_seconds=0)  # type: ignore[type-var]
    bronze = replace(STREAM.bronze, source=source)
    monkeypatch.setattr(Stream, "bronze", property(lambda self: bronze))


def listed(made: Acceptance) -> list[str]:
    paths = made.lists.oldest(99)
    return [each.source_file for path in paths for each in read_list(path)]


def test_a_good_file_is_accepted_under_its_content_and_listed(settings: Settings) -> None:
    made = acceptance_of(settings)
    land(settings, "events_2026-01-05.csv", events(0, 3))
    assert made.round() == 1
    (path,) = made.lists.folder.glob("[!.]*.list")
    (taken,) = read_list(path)
    assert (taken.records, taken.slice_date, taken.format) == (3, "2026-01-05", "csv")
    assert taken.path == f"{settings.accepted}/ecommerce_events/{taken.slice_id}.csv"
    assert Path(taken.path).read_text() == events(0, 3)
    assert made.round() == 0


def test_what_cannot_be_taken_is_rejected_with_its_reason_and_the_rest_goes_on(
    settings: Settings, said: list[str]
) -> None:
    made = acceptance_of(settings)
    land(settings, "bad.csv", "")
    land(settings, "good.csv", events(0, 1))
    assert made.round() == 2
    assert listed(made) == ["good.csv"]
    (reason,) = Path(settings.rejected).rglob("*.reason.txt")
    assert reason.read_text() == "empty file\n"
    assert "ecommerce_events.files" in str(reason)
    assert any("rejected 'bad.csv'" in each for each in said)


def test_content_that_is_known_or_listed_is_a_duplicate(settings: Settings) -> None:
    made = acceptance_of(settings)
    land(settings, "a.csv", events(0, 1))
    land(settings, "b.csv", events(1, 1))
    made.round()
    made.listed.clear()  # as if the books had both, and nobody else
    (known, other) = sorted(path.stem for path in Path(settings.accepted).rglob("*.csv"))
    later = acceptance_of(settings, 2, {known})
    later.listed.add(other)
    land(settings, "a.csv", events(0, 1))
    land(settings, "b.csv", events(1, 1))
    land(settings, "c.csv", events(2, 1))
    assert later.round() == 3
    assert listed(later)[-1] == "c.csv"
    duplicates = Path(settings.archive / "duplicates")
    assert sorted(path.name for path in duplicates.rglob("*.csv")) == ["a.csv", "b.csv"]


def test_a_file_that_somebody_writes_stays(settings: Settings) -> None:
    made = acceptance_of(settings)
    path = land(settings, "a.csv", events(0, 1))
    with path.open("a"):
        assert made.round() == 0
    land(settings, ".hidden.csv", events(0, 1))
    land(settings, "patch-1.csv", HEADER)
    assert made.round() == 1
    assert listed(made) == ["a.csv"]


@pytest.mark.parametrize("point", ["judge", "list", "move", "show"])
def test_whatever_cuts_it_off_each_file_is_listed_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    class CutOffError(Exception):
        pass

    def cut_off(*_: Any, **__: Any) -> None:
        raise CutOffError

    for number in range(3):
        land(settings, f"{number}.csv", events(number, 1))
    where: dict[str, tuple[object, str]] = {
        "judge": (acceptance, "judge_files"),
        "list": (lists.Lists, "prepare"),
        "move": (acceptance, "move_judged"),
        "show": (lists.Lists, "show"),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*where[point], cut_off)
        with pytest.raises(CutOffError):
            acceptance_of(settings, 1).round()
    later = acceptance_of(settings, 2)
    later.adopt()
    while later.round():
        pass
    assert sorted({*listed(later)}) == ["0.csv", "1.csv", "2.csv"]
    assert len(listed(later)) == 3
    assert not any(path.is_file() for path in Path(settings.landing).rglob("*"))
    taken = [read_list(path) for path in later.lists.folder.glob("[!.]*.list")]
    assert all(Path(each.path).is_file() for slices in taken for each in slices)


def test_what_an_earlier_holder_has_left_is_listed_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is looked for: Spark tells of a name once, and landing waits for lists."""
    for number in range(3):
        land(settings, f"{number}.csv", events(number, 1))
    first = acceptance_of(settings, 1)
    with monkeypatch.context() as patch:
        patch.setattr(lists.Lists, "show", lambda *_: None)
        first.round()
    (left,) = first.lists.folder.glob(".*.list")
    recorded, *rest = read_list(left)
    later = acceptance_of(settings, 2, {recorded.slice_id})
    for _ in range(2):
        later.adopt()
        assert listed(later) == [each.source_file for each in rest]
    assert later.listed == {each.slice_id for each in rest}
    land(settings, "3.csv", events(3, 1))
    later.round()
    assert listed(later) == [*(each.source_file for each in rest), "3.csv"]


def test_what_was_cut_off_goes_on_in_the_same_holder(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that was full for a moment."""
    made = acceptance_of(settings)
    land(settings, "a.csv", events(0, 1))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(lists.Lists, "prepare", full)
        with pytest.raises(OSError, match="No space"):
            made.round()
    assert made.round() == 1
    assert listed(made) == ["a.csv"]


def test_what_was_moved_is_listed_though_the_rest_could_not_be(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its list would be hidden until the next start of the stream."""
    made = acceptance_of(settings)
    land(settings, "a.csv", events(0, 1))
    land(settings, "b.csv", events(1, 1))

    def move_one(judged: list[acceptance.JudgedFile]) -> None:
        acceptance_move(judged[:1])
        raise OSError(5, "Input/output error")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    acceptance_move = acceptance.move_judged
    with monkeypatch.context() as patch:
        patch.setattr(acceptance, "move_judged", move_one)
        with pytest.raises(OSError, match="Input/output"):
            made.round()
        patch.setattr(lists.Lists, "prepare", full)
        with pytest.raises(OSError, match="No space"):
            made.round()
    made.round()
    there = {each for each in listed(made) if each}
    assert there == {"a.csv", "b.csv"}
    paths = [each for path in made.lists.oldest(9) for each in lists.read_list(path)]
    assert {Path(each.path).is_file() for each in paths} == {True}


def test_thousands_of_files_are_taken_some_at_a_time(settings: Settings) -> None:
    made = acceptance_of(settings)
    for number in range(acceptance.MOST_FILES + 5):
        land(settings, f"{number}.csv", events(number, 1))
    assert made.round() == acceptance.MOST_FILES
    assert made.lists.waiting() == acceptance.MOST_FILES // lists.MOST_SLICES
    assert made.round() == 5
    assert made.lists.slices() == acceptance.MOST_FILES + 5


def test_landing_keeps_what_the_query_cannot_keep_up_with(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptance, "MOST_LISTS", 1)
    made = acceptance_of(settings)
    land(settings, "a.csv", events(0, 1))
    assert made.round() == 1
    path = land(settings, "b.csv", events(1, 1))
    assert made.round() == 0
    assert path.is_file()
    made.lists.remove(made.lists.oldest(1))
    assert made.round() == 1

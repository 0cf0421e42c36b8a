"""A stream of files on real files and a real Postgres, in which Spark's part is given."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pytest

from assay.batch.slices import FileSlice, Slice
from assay.ledger.streams import take_stream
from assay.settings import Settings, load_settings
from assay.streams import lists
from assay.streams.budget import MOST_BYTES, MOST_RECORDS
from assay.streams.lists import Lists, read_list
from assay.streams.micro_batch import park_large
from assay.streams.names import Stream
from assay.streams.sink import MicroBatch
from builders.audited import Site, broken
from builders.judged_slices import SCHEMA, event_slice, judged
from builders.streams import events
from spark_jobs.streams import from_files
from spark_jobs.streams.from_files import FileStream
from spark_jobs.streams.running import Held, Sessions

if TYPE_CHECKING:
    from conftest import Database

STREAM = Stream("ecommerce_events", "files")
NO_SPARK = Sessions(cast("Any", None), cast("Any", None))


class GivenRecords(FileStream):
    """Gives what Spark would have judged."""

    def judge(self, slices: Sequence[Slice]) -> pa.Table:
        tables = [judged(each) for each in slices if isinstance(each, FileSlice)]
        return pa.concat_tables([SCHEMA.empty_table(), *tables])

    def on_frame(self) -> None:
        self.record(cast("Any", None), 0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings({"ASSAY_HOME": str(tmp_path)})
    (made.landing / STREAM.dataset).mkdir(parents=True)
    return made


@pytest.fixture
def start(settings: Settings, database: Database) -> Iterator[Callable[[], GivenRecords]]:
    """The stream in its next epoch, without its query and its threads."""
    started: list[GivenRecords] = []

    def start() -> GivenRecords:
        uri = database.uri("assay_streamer")
        with database.connect("assay_streamer", autocommit=True) as connection:
            taken = take_stream(connection, STREAM.name, STREAM.dataset, "files", "a test")
        started.append(GivenRecords(NO_SPARK, Held(settings, STREAM, taken, uri)))
        return started[-1]

    yield start
    for each in started:
        for books in each._opened:
            books.close()


def land(settings: Settings, name: str, text: str) -> Path:
    path = Path(settings.landing / STREAM.dataset) / name
    path.write_text(text)
    os.utime(path, (time.time() - 60,) * 2)
    return path


def ask(database: Database, query: str) -> list[Any]:
    with database.connect("assay_reader") as connection:
        return connection.execute(query).fetchall()


def test_what_is_too_much_for_one_micro_batch_is_recorded_in_several_without_a_new_file(
    settings: Settings,
    start: Callable[[], GivenRecords],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lists, "MOST_SLICES", 1)
    monkeypatch.setattr(lists, "is_within", lambda slices: len(slices) <= 2)
    stream = start()
    for number in range(5):
        land(settings, f"{number}.csv", events(number, 1))
    assert stream.acceptance.round() == 5
    stream.on_frame()
    assert stream.lists.waiting() == 0
    assert stream.acceptance.listed == set()
    counts = "SELECT count(*) FROM ops.stream_slice GROUP BY micro_batch ORDER BY micro_batch"
    assert ask(database, counts) == [(2,), (2,), (1,)]
    assert ask(database, "SELECT count(*) FROM live.ecommerce_event") == [(5,)]


def test_a_frame_is_answered_with_as_many_lists_as_it_may_tell_of_and_no_more(
    settings: Settings, start: Callable[[], GivenRecords], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST_SLICES", 1)
    monkeypatch.setattr(from_files, "MOST_LISTS", 2)
    stream = start()
    for number in range(3):
        land(settings, f"{number}.csv", events(number, 1))
    stream.acceptance.round()
    stream.on_frame()
    assert stream.lists.waiting() == 1, "the next frame tells of it"


@pytest.mark.parametrize(
    ("facts", "taken"),
    [
        ({"records": 4_000}, 8),
        ({"records": 90_000}, 2),
        ({"records": MOST_RECORDS}, 1),
        ({"records": 10 * MOST_RECORDS}, 1),
        ({"size_bytes": MOST_BYTES // 3}, 3),
        ({"size_bytes": MOST_BYTES // 10, "path": "/accepted/a.csv.gz"}, 2),
    ],
)
def test_a_micro_batch_takes_lists_within_its_records_and_bytes(
    tmp_path: Path, facts: dict[str, Any], taken: int
) -> None:
    waiting = Lists(tmp_path)
    for number in range(8):
        large = replace(event_slice("a", 1), **facts)
        waiting.show(waiting.prepare(f"{number}", [large]))
    assert len(waiting.next(8)) == taken


def test_a_list_has_no_more_than_records_and_bytes_of_its_own(tmp_path: Path) -> None:
    waiting = Lists(tmp_path)
    file = event_slice("a", 2_000)
    hidden = waiting.prepare("1", [file] * 5)
    assert [len(read_list(path)) for path in hidden] == [2, 2, 1]
    heavy = replace(file, records=1, size_bytes=3 << 20)
    assert [len(read_list(path)) for path in waiting.prepare("2", [heavy] * 5)] == [2, 2, 1]


def test_a_file_of_few_records_and_many_bytes_is_parked() -> None:
    heavy = replace(event_slice("a", 10), size_bytes=MOST_BYTES + 1)
    parked = park_large(MicroBatch(0, [heavy, event_slice("b", 10)]))
    assert list(parked) == [heavy.slice_id]
    assert "10 records of 67 MB in one file" in parked[heavy.slice_id]


def test_what_cannot_be_read_and_odd_names_are_refused_in_the_books_too(
    settings: Settings, start: Callable[[], GivenRecords], database: Database
) -> None:
    folder = Path(settings.landing / STREAM.dataset)
    land(settings, os.fsdecode(b"odd \xff\n.csv"), "")
    (folder / "link.csv").symlink_to("/etc/hostname")
    assert start().acceptance.round() == 2
    query = "SELECT source_file, slice_id <> '', reason FROM ops.stream_refusal ORDER BY 2"
    (link, odd) = ask(database, query)
    assert link == ("link.csv", False, "symbolic link")
    assert odd[1:] == (True, "empty file")


def test_files_whose_lists_are_lost_are_told_and_taken_once_from_landing(
    settings: Settings, start: Callable[[], GivenRecords], database: Database
) -> None:
    """The folder `streams` of the home is gone: what docs/streams.md says to do then."""
    site = Site(settings, database)
    land(settings, "a.csv", events(0, 3))
    start().acceptance.round()
    assert broken(site.audit()) == {}, "while it is in a list"
    shutil.rmtree(settings.home / "streams")
    (told,) = broken(site.audit())["I10"]
    (file,) = Path(settings.accepted).rglob("*.csv")
    assert str(file) in told
    stream = start()
    stream.acceptance.adopt()
    assert stream.acceptance.round() == 0
    moved = file.rename(settings.landing / STREAM.dataset / file.name)
    os.utime(moved, (time.time() - 60,) * 2)
    assert stream.acceptance.round() == 1
    stream.on_frame()
    assert stream.acceptance.round() == 0
    stream.on_frame()
    assert ask(database, "SELECT records, live_records FROM ops.stream_slice") == [(3, 3)]
    assert ask(database, "SELECT count(*) FROM live.ecommerce_event") == [(3,)]
    assert "I10" not in broken(site.audit())

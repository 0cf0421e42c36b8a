"""Files of a stream on a real S3 server: taken, listed, refused, given back; and slice files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.ledger.streams import take_stream
from assay.settings import Settings, load_settings
from assay.storage.addresses import ObjectPath, as_place
from assay.storage.objects import put, read_bytes, sizes_below
from assay.streams.acceptance import Acceptance
from assay.streams.kafka_slices import SCHEMA, SliceFiles
from assay.streams.lists import Lists, read_list
from assay.streams.names import Stream
from assay.streams.outage import StoppedError
from builders.streams import events
from spark_jobs.streams import from_files
from spark_jobs.streams.from_files import FileStream
from spark_jobs.streams.running import Held, Sessions

pytestmark = pytest.mark.long  # the server takes some seconds to start

STREAM = Stream("ecommerce_events", "files")


@pytest.fixture
def settings(tmp_path: Path, bucket: ObjectPath) -> Settings:
    return load_settings({"ASSAY_HOME": str(tmp_path), "ASSAY_FILES": str(bucket)})


@pytest.fixture
def begin(settings: Settings, database: Any) -> Callable[[], Acceptance]:
    """The acceptance of the stream in its next epoch."""

    def ask(question: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        with database.connect("assay_streamer", autocommit=True) as connection:
            return question(connection)

    def begin() -> Acceptance:
        name = STREAM.name
        taken = ask(lambda books: take_stream(books, name, STREAM.dataset, "files", "a test"))
        lists = Lists(STREAM.folder(settings) / "lists")
        return Acceptance(settings, STREAM, taken.epoch, lists, ask)

    return begin


def land(settings: Settings, name: str, text: str) -> None:
    put(settings.landing / STREAM.dataset / name, text.encode())


def test_files_are_taken_listed_refused_and_given_back(
    settings: Settings, begin: Callable[[], Acceptance], database: Any
) -> None:
    made = begin()
    land(settings, "a.csv", events(0, 3))
    land(settings, "bad.csv", "")
    assert made.round() == 2
    (taken,) = [each for path in made.lists.oldest(9) for each in read_list(path)]
    assert (taken.source_file, taken.records) == ("a.csv", 3)
    assert read_bytes(as_place(taken.path)) == events(0, 3).encode()
    land(settings, "again.csv", events(0, 3))
    assert made.round() == 1
    assert made.round() == 0
    with database.connect("assay_reader") as connection:
        query = "SELECT source_file, verdict, location FROM ops.stream_refusal ORDER BY 1"
        found = connection.execute(query).fetchall()
    assert [each[:2] for each in found] == [("again.csv", "duplicate"), ("bad.csv", "rejected")]
    contents = [read_bytes(as_place(location)) for *_, location in found]
    assert contents == [events(0, 3).encode(), b""]
    assert sizes_below(settings.landing) == sizes_below(settings.accepted / "taking") == {}


def test_what_a_stream_that_was_killed_was_taking_is_taken_by_the_next(
    settings: Settings, begin: Callable[[], Acceptance], monkeypatch: pytest.MonkeyPatch
) -> None:
    class CutOffError(Exception):
        pass

    def cut_off(*_: Any) -> None:
        raise CutOffError

    land(settings, "a.csv", events(0, 3))
    with monkeypatch.context() as patch:
        patch.setattr("assay.streams.acceptance.judge_files", cut_off)
        with pytest.raises(CutOffError):
            begin().round()
    assert sizes_below(settings.landing) == {}
    later = begin()
    later.adopt()
    assert [*sizes_below(settings.landing)] == ["ecommerce_events/a.csv"]
    assert later.round() == 1
    assert later.lists.slices() == 1


def test_an_idle_stream_asks_the_store_about_once_a_second(
    settings: Settings, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def wait(seconds: float, _: object) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise StoppedError

    uri = database.uri("assay_streamer")
    with database.connect("assay_streamer", autocommit=True) as connection:
        taken = take_stream(connection, STREAM.name, STREAM.dataset, "files", "a test")
    sessions = Sessions(cast("Any", None), cast("Any", None))
    stream = FileStream(sessions, Held(settings, STREAM, taken, uri))
    monkeypatch.setattr(from_files, "wait", wait)
    land(settings, "a.csv", events(0, 3))
    with pytest.raises(StoppedError):
        stream._accept()
    assert waited == [0, 1.0, 1.0]
    stream.leave()
    for books in stream._opened:
        books.close()


def test_a_slice_file_is_one_object_that_a_repeat_overwrites(settings: Settings) -> None:
    files = SliceFiles(settings, Stream("ecommerce_events", "kafka"), 3)
    rows = pa.Table.from_pylist(
        [{"value": b"{}", "topic": "t", "partition": 0, "offset": at} for at in (4, 5)], SCHEMA
    )
    (taken,) = files.whole(rows, 12, {"t": {"0": 4}}).slices
    (again,) = files.whole(rows, 12, {"t": {"0": 4}}).slices
    assert again == taken
    assert taken.path.startswith("s3a://")
    written = read_bytes(as_place(taken.path))
    assert pq.read_table(pa.BufferReader(written))["offset"].to_pylist() == [4, 5]
    assert [*sizes_below(settings.accepted).values()] == [taken.size_bytes]

"""Streams as real processes: what is killed, overtaken or cut off loses and doubles no event."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.settings import load_settings
from assay.spark_runtime.streaming import prepare_stream
from builders.streams import Streams, events

if TYPE_CHECKING:
    from conftest import Database

pytestmark = [pytest.mark.e2e]


@pytest.fixture
def streams(database: Database) -> Iterator[Streams]:
    shared = load_settings()
    prepare_stream(shared, print)
    home = Path(tempfile.mkdtemp(prefix="assay-streams-"))
    for part in ("jars", "java"):
        (home / part).symlink_to(shared.home / part)
    settings = load_settings({"ASSAY_HOME": str(home)})
    made = Streams(settings, database.uri("assay_streamer"), database.uri("assay_reader"))
    yield made
    made.end_all()
    shutil.rmtree(home)


def test_a_file_in_landing_is_rows_of_live(streams: Streams) -> None:
    streams.land("events_2026-01-05_1.csv", events(0, 20, bad=3))
    process = streams.start()
    streams.wait_until(lambda: streams.live_ids())
    assert streams.live_ids() == [f"e{n:08d}" for n in range(17)]
    errors = streams.ask(
        "SELECT record_number, reasons FROM live.ecommerce_event_errors ORDER BY 1"
    )
    assert errors == [(n, ["user_id.missing"]) for n in (18, 19, 20)]
    streams.driver(process).send_signal(signal.SIGTERM)
    assert process.wait(30) == 0

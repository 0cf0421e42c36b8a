"""How streams hand over, take a new query, and are asked to stop: with no event lost or doubled."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from assay.errors import StackError
from assay.operations.streams import stop_streams
from assay.spark_runtime.streaming import lock_of
from assay.spark_runtime.submit import is_locked
from builders.streams import Streams, events, streams_of

if TYPE_CHECKING:
    from conftest import Database

pytestmark = [pytest.mark.e2e, pytest.mark.long]
OF_A_FILE, SEND_SECONDS = 5, 0.2
ERROR = "SELECT error FROM ops.stream WHERE stopped_at IS NULL"


@pytest.fixture
def streams(database: Database) -> Iterator[Streams]:
    with streams_of(database) as made:
        yield made


@contextmanager
def producer(streams: Streams) -> Iterator[list[int]]:
    """Lands files at a steady pace; gives the number of each that was landed."""
    landed: list[int] = []
    end = Event()

    def send() -> None:
        while not end.wait(SEND_SECONDS):
            number = len(landed)
            streams.land(f"events_{number}.csv", events(number * OF_A_FILE, OF_A_FILE))
            landed.append(number)

    thread = Thread(target=send, daemon=True)
    thread.start()
    try:
        yield landed
    finally:
        end.set()
        thread.join()


def stop(streams: Streams, database: Database, process: subprocess.Popen[bytes]) -> None:
    """As `assay stream stop` does, which tells that it cannot have Airflow start none any more."""
    with (
        database.connect("assay_reader", autocommit=True) as connection,
        pytest.raises(StackError, match=r"are stopped, but Airflow .* never started"),
    ):
        stop_streams(streams.settings, connection, streams.pipeline)
    assert process.wait(5) == 0, "it has ended by the time that this is said"


def test_two_runs_and_their_new_queries_show_every_event_of_a_producer_once(
    streams: Streams,
) -> None:
    with producer(streams) as landed:
        assert streams.start("--seconds", "20", "--renew", "5").wait(120) == 0
        shown = len(streams.live_ids())
        assert shown > 0
        second = streams.start("--seconds", "20", "--renew", "5")
        streams.wait_until(lambda: streams.shows_more_than(shown))
    assert second.wait(120) == 0
    streams.start()  # on a machine with much to do some are still before it
    streams.wait_until(lambda: len(streams.live_ids()) >= len(landed) * OF_A_FILE)
    assert streams.live_ids() == [f"e{n:08d}" for n in range(len(landed) * OF_A_FILE)]
    ((epoch,),) = streams.ask("SELECT epoch FROM ops.stream")
    assert epoch >= 4, "a run has taken a new query"
    left = [path.name for path in streams.settings.home.glob("tmp/streams/*/*")]
    assert left == [str(epoch)], "of the others nothing is left"


def test_an_error_stays_told_until_it_is_over_and_a_stop_is_waited_for(
    streams: Streams, database: Database
) -> None:
    in_the_way = streams.settings.accepted / "taking" / "ecommerce_events.files"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("no folder")
    streams.land("no_events.csv", "of,another,kind\n1,2,3\n")
    process = streams.start(ASSAY_SPARK_LOCK=str(lock_of(streams.settings, streams.pipeline)))
    streams.wait_until(lambda: streams.ask(f"{ERROR} AND error LIKE '%%cannot move%%'"))
    for _ in range(30):
        assert "cannot move" in str(streams.ask(ERROR)), "a sign of life is no sign of health"
        time.sleep(0.1)
    in_the_way.unlink()
    streams.wait_until(lambda: streams.ask(f"{ERROR} AND error IS NULL"))
    assert streams.ask("SELECT FROM ops.stream_slice") == [], "nothing but to take it back was done"
    stop(streams, database, process)
    assert streams.ask("SELECT error FROM ops.stream WHERE stopped_at IS NOT NULL") == [(None,)]


def test_a_stop_that_is_asked_while_spark_starts_is_honoured(
    streams: Streams, database: Database
) -> None:
    lock = lock_of(streams.settings, streams.pipeline)
    process = streams.start(ASSAY_SPARK_LOCK=str(lock))
    streams.wait_until(lambda: is_locked(lock))
    stop(streams, database, process)
    assert streams.ask("SELECT FROM ops.stream") == [], "it has not even begun"

"""What a stream outlives at work: a full disk, poison, and a lake that takes nothing of a batch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from assay.kafka.access import client_options
from builders.attempts import BUILD, Attempts
from builders.broker import fresh_topic
from builders.small_disk import SmallDisk, small_disk
from builders.streams import Streams, event, events, streams_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from builders.broker import Broker
    from conftest import Database

pytestmark = [pytest.mark.e2e, pytest.mark.long]
DATASET = "ecommerce_events"
# As long as it would take to give up after five new starts, in the full proof.
FULL_SECONDS = 5 if os.environ.get("ASSAY_KILLS", "1") == "1" else 60
POISON = (107, 225)  # by Kafka, and by a file
NO_SPACE = "SELECT FROM ops.stream WHERE stream = %s AND error LIKE '%%No space left on device%%'"


@dataclass
class Site:
    """Streams at work, whose home is on a small disk and whose lake is on another."""

    streams: Streams
    attempts: Attempts
    database: Database
    broker: Broker
    disk: SmallDisk
    lake: SmallDisk

    def send(self, first: int, count: int) -> None:
        """Events into the topic, acknowledged."""
        producer = Producer({**client_options(self.broker.access), "acks": "all"})
        for number in range(first, first + count):
            producer.produce(DATASET, event(number).encode(), partition=number % 2)
        assert producer.flush(60) == 0

    def require_shown(self, *numbers: range, without: tuple[int, ...] = ()) -> None:
        """These events, each once, and no other are live."""
        wanted = [f"e{n:08d}" for each in numbers for n in each if n not in without]
        self.streams.wait_until(lambda: len(self.streams.live_ids()) >= len(wanted))
        assert self.streams.live_ids() == wanted


@pytest.fixture
def site(database: Database, broker: Broker, spark: SparkSession, tmp_path: Path) -> Iterator[Site]:
    kafka = broker.access.bootstrap_servers
    with (
        fresh_topic(broker.access, DATASET),
        small_disk(tmp_path / "files", 256) as disk,
        streams_of(database, home=disk.folder / "home", ASSAY_KAFKA=kafka) as streams,
        small_disk(streams.settings.home / "lake", 64) as lake,
    ):
        attempts = Attempts(streams.settings, database.uri(), spark, pipeline=DATASET)
        yield Site(streams, attempts, database, broker, disk, lake)


def test_a_running_stream_outlives_what_is_around_it(site: Site) -> None:
    """One application for all of it, since its start is what takes long."""
    streams = site.streams
    process = streams.start()
    streams.land("events_2026-01-05_1.csv", events(0, 20))
    site.require_shown(range(20))
    fill_the_disk(site)
    send_poison(site)
    fail_a_batch_and_release_it(site)
    assert process.poll() is None, "one start was enough"
    assert site.attempts.violations() == []


def fill_the_disk(site: Site) -> None:
    """A disk without a byte: both streams say so, and go on when there is room."""
    streams = site.streams
    landing = streams.settings.landing / DATASET
    hidden = landing / ".later.csv"
    hidden.write_text(events(20, 20))
    site.disk.fill()
    hidden.rename(landing / "events_2026-01-05_2.csv")
    site.send(40, 20)
    for name in (f"{DATASET}.files", f"{DATASET}.kafka"):
        streams.wait_until(lambda name=name: streams.ask(NO_SPACE, name))
    time.sleep(FULL_SECONDS)
    site.disk.free()
    site.require_shown(range(60))


def send_poison(site: Site) -> None:
    """Events that Postgres refuses: of Kafka the record is parked, and of files the file."""
    streams = site.streams
    refused = ", ".join(f"'e{number:08d}'" for number in POISON)
    with site.database.connect("assay_owner", autocommit=True) as owner:
        owner.execute(
            "ALTER TABLE live.ecommerce_event ADD CONSTRAINT poison"
            f" CHECK (event_id NOT IN ({refused}))"
        )
    site.send(100, 40)
    streams.land("events_2026-01-05_3.csv", events(200, 20))
    streams.land("events_2026-01-05_4.csv", events(220, 20))
    site.require_shown(range(60), range(100, 140), range(200, 220), without=POISON)
    parked = "SELECT stream, records, parked FROM ops.stream_slice WHERE parked IS NOT NULL"
    streams.wait_until(lambda: len(streams.ask(parked)) == 2)
    for stream, records, why in streams.ask(parked):
        assert records == (1 if stream == f"{DATASET}.kafka" else 20)
        assert 'violates check constraint "poison"' in why


def fail_a_batch_and_release_it(site: Site) -> None:
    """A batch cannot write its log; the stream goes on; its retry releases what was parked, too."""
    streams, attempts = site.streams, site.attempts
    plan = attempts.accept("first")
    refused = pytest.raises((Py4JJavaError, PySparkException), match="_delta_log")
    with read_only(site.lake), refused:
        attempts.run(plan, "ingest_bronze")
    streams.land("events_2026-01-05_5.csv", events(300, 20))
    streams.wait_until(lambda: streams.live_ids()[-1:] == ["e00000319"])
    assert attempts.violations() == []
    attempts.run(plan, *BUILD)
    attempts.publish()
    site.require_shown(range(300, 320))
    served = streams.ask("SELECT event_id FROM serving.ecommerce_event ORDER BY 1")
    sent = [range(60), range(100, 140), range(200, 240)]
    assert served == [(f"e{number:08d}",) for each in sent for number in each]


@contextmanager
def read_only(disk: SmallDisk) -> Iterator[None]:
    disk.remount("ro")
    try:
        yield
    finally:
        disk.remount("rw")

"""Streams as real processes: what is killed, overtaken or cut off loses and doubles no event."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

import psutil
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from assay.kafka.access import client_options
from assay.kafka.admin import delete_topics, ensure_topic
from assay.streams.names import Stream
from assay.streams.skipping import skip_lost
from builders.streams import Streams, event, events, streams_of
from spark_jobs.streams.application import FENCED

if TYPE_CHECKING:
    from builders.broker import Broker
    from builders.own_server import OwnServer
    from conftest import Database

pytestmark = [pytest.mark.e2e]
TOPIC = "ecommerce_events"
FILES, EVENTS = 150, 20
PAUSE = 0.4  # between two deliveries, so that they last as long as the kills
CHANCE = random.Random(17)  # noqa: S311  # no secret


@pytest.fixture
def streams(database: Database) -> Iterator[Streams]:
    with streams_of(database) as made:
        yield made


@pytest.fixture
def of_kafka(database: Database, broker: Broker) -> Iterator[Streams]:
    """And a broker with an empty topic of two partitions."""
    ensure_topic(broker.access, TOPIC, 2)
    with streams_of(database, ASSAY_KAFKA=broker.access.bootstrap_servers) as made:
        yield made
    delete_topics(broker.access, [TOPIC])


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


def delete_records(broker: Broker, *, before: int) -> None:
    """As retention does."""
    admin = AdminClient(client_options(broker.access))
    for future in admin.delete_records([TopicPartition(TOPIC, 0, before)]).values():
        future.result(30)


def deliver_files(streams: Streams) -> list[str]:
    """Files one after the other; returns the ids of their events."""
    for number in range(FILES):
        streams.land(f"events_2026-01-05_{number:04d}.csv", events(number * EVENTS, EVENTS))
        time.sleep(PAUSE)
    return [f"e{n:08d}" for n in range(FILES * EVENTS)]


def deliver_records(broker: Broker, pause: float = PAUSE) -> list[str]:
    """Records to both partitions, some at a time; returns the ids of their events."""
    producer = Producer({**client_options(broker.access), "acks": "all"})
    for number in range(FILES * EVENTS):
        producer.produce(TOPIC, event(number).encode(), partition=number % 2)
        if number % EVENTS == 0:
            producer.flush(30)
            time.sleep(pause)
    assert producer.flush(30) == 0
    return [f"e{n:08d}" for n in range(FILES * EVENTS)]


def kill_now_and_then(streams: Streams, times: int) -> None:
    """SIGKILL to the JVM or to its driver, at a random moment of its life, and a new start."""
    for number in range(times):
        process, shown = streams.start(), len(streams.live_ids())
        with suppress(AssertionError):  # also before it has shown anything
            more = partial(streams.shows_more_than, shown)
            streams.wait_until(more, CHANCE.uniform(5, 40))
        time.sleep(CHANCE.uniform(0, 2))
        victim = streams.driver(process) if number % 2 else psutil.Process(process.pid)
        victim.kill()
        process.wait(60)


@pytest.mark.long
@pytest.mark.parametrize("source", ["files", "kafka"])
def test_no_kill_loses_or_doubles_an_event(source: str, request: pytest.FixtureRequest) -> None:
    if source == "files":
        streams: Streams = request.getfixturevalue("streams")
        deliver: Callable[[], list[str]] = lambda: deliver_files(streams)  # noqa: E731
    else:
        streams = request.getfixturevalue("of_kafka")
        broker = request.getfixturevalue("broker")
        deliver = lambda: deliver_records(broker)  # noqa: E731
    producer = Thread(target=deliver)
    producer.start()
    kill_now_and_then(streams, 4)
    producer.join()
    process = streams.start()
    wanted = [f"e{n:08d}" for n in range(FILES * EVENTS)]
    streams.wait_until(lambda: len(streams.live_ids()) >= len(wanted))
    streams.wait_until(lambda: "started, epoch" in streams.logs[-1].read_text())
    streams.driver(process).send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert streams.live_ids() == wanted
    counted = streams.ask("SELECT sum(records), sum(live_records) FROM ops.stream_slice")
    assert counted == [(len(wanted), len(wanted))]
    assert not any(path.is_file() for path in streams.settings.landing.rglob("*"))


@pytest.mark.long
def test_of_two_streams_of_a_dataset_the_older_is_fenced(streams: Streams) -> None:
    older = streams.start()
    streams.wait_until(lambda: streams.ask("SELECT FROM ops.stream WHERE epoch = 1"))
    newer = streams.start()
    streams.wait_until(lambda: streams.ask("SELECT FROM ops.stream WHERE epoch = 2"))
    streams.land("events_2026-01-05_1.csv", events(0, 20))
    assert older.wait(60) == FENCED
    streams.wait_until(lambda: len(streams.live_ids()) == 20)
    assert newer.poll() is None
    epochs = streams.ask("SELECT DISTINCT epoch FROM ops.stream_slice")
    assert epochs == [(2,)]


@pytest.mark.long
def test_a_stream_waits_for_postgres_and_catches_up(own_server: OwnServer) -> None:
    with streams_of(own_server.database) as streams:
        streams.land("events_2026-01-05_1.csv", events(0, 20))
        streams.start()
        streams.wait_until(lambda: len(streams.live_ids()) == 20)
        own_server.crash()
        streams.land("events_2026-01-05_2.csv", events(20, 20))
        time.sleep(20)
        own_server.start()
        streams.land("events_2026-01-05_3.csv", events(40, 20))
        streams.wait_until(lambda: len(streams.live_ids()) == 60)
        assert streams.started[0].poll() is None
        streams.wait_until(
            lambda: streams.ask("SELECT FROM ops.stream WHERE error IS NULL AND stopped_at IS NULL")
        )


@pytest.mark.long
def test_a_stream_waits_for_its_topic_and_stops_where_records_are_lost(
    of_kafka: Streams, broker: Broker, database: Database
) -> None:
    delete_topics(broker.access, [TOPIC])
    process = of_kafka.start("--seconds", "300")
    of_kafka.wait_until(
        lambda: of_kafka.ask(
            "SELECT FROM ops.stream WHERE epoch > 1 AND error LIKE %s", f"%no topic {TOPIC} yet%"
        )
    )
    ensure_topic(broker.access, TOPIC, 2)
    deliver_records(broker, pause=0)
    of_kafka.wait_until(lambda: len(of_kafka.live_ids()) == FILES * EVENTS)
    of_kafka.driver(process).send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    with database.connect("assay_streamer", autocommit=True) as connection:
        connection.execute(
            "UPDATE ops.stream SET next_offsets = next_offsets || %s::jsonb",
            [f'{{"{TOPIC}": {{"0": 1000, "1": {FILES * EVENTS // 2}}}}}'],
        )
    delete_records(broker, before=1200)
    process = of_kafka.start()
    of_kafka.wait_until(
        lambda: of_kafka.ask("SELECT FROM ops.stream WHERE error LIKE %s", "%1000 to 1199%")
    )
    stream = Stream(TOPIC, "kafka")
    with database.connect("assay_streamer", autocommit=True) as connection:
        told = skip_lost(of_kafka.settings, connection, stream, "a test", "retention")
    assert "1000 to 1199 of partition 0" in told
    of_kafka.wait_until(
        lambda: of_kafka.ask("SELECT FROM ops.stream WHERE epoch > 2 AND stopped_at IS NULL")
    )

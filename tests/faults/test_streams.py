"""Streams as real processes: what is overtaken or cut off loses and doubles no event.

What is killed is in `test_kills.py`.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from assay.errors import SettingsError
from assay.kafka.access import client_options
from assay.kafka.admin import delete_topics, ensure_topic
from assay.streams.names import Stream
from assay.streams.skipping import skip_lost
from builders.broker import fresh_topic
from builders.streams import Streams, event, events, streams_of
from spark_jobs.streams.application import FENCED
from spark_jobs.streams.from_kafka import MOST_BYTES

if TYPE_CHECKING:
    from builders.broker import Broker
    from builders.own_server import OwnServer
    from conftest import Database

pytestmark = [pytest.mark.e2e]
TOPIC = "ecommerce_events"
EVENTS = 3_000
LARGE = 1_500


@pytest.fixture
def streams(database: Database) -> Iterator[Streams]:
    with streams_of(database) as made:
        yield made


@pytest.fixture
def of_kafka(database: Database, broker: Broker) -> Iterator[Streams]:
    """And a broker with an empty topic of two partitions."""
    with (
        fresh_topic(broker.access, TOPIC),
        streams_of(database, ASSAY_KAFKA=broker.access.bootstrap_servers) as made,
    ):
        yield made


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


def take_back(broker: Broker, number: int) -> None:
    """An event of a transaction that its producer aborts."""
    producer = Producer({**client_options(broker.access), "transactional.id": "tests"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(TOPIC, event(number).encode(), partition=0)
    producer.flush(30)
    producer.abort_transaction(30)


def deliver_records(broker: Broker) -> None:
    """Records to both partitions."""
    producer = Producer({**client_options(broker.access), "acks": "all"})
    for number in range(EVENTS):
        producer.produce(TOPIC, event(number).encode(), partition=number % 2)
    assert producer.flush(30) == 0


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
    take_back(broker, EVENTS)
    deliver_records(broker)
    of_kafka.wait_until(lambda: len(of_kafka.live_ids()) >= EVENTS)
    assert f"e{EVENTS:08d}" not in of_kafka.live_ids()
    of_kafka.driver(process).send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    with database.connect("assay_streamer", autocommit=True) as connection:
        connection.execute(
            "UPDATE ops.stream SET next_offsets = next_offsets || %s::jsonb",
            [f'{{"{TOPIC}": {{"0": 1000, "1": {EVENTS // 2}}}}}'],
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
    held = "SELECT epoch FROM ops.stream WHERE stopped_at IS NULL AND holder NOT LIKE '%%skip%%'"
    of_kafka.wait_until(lambda: of_kafka.ask(held))
    epoch = of_kafka.ask(held)
    with (
        database.connect("assay_streamer", autocommit=True) as connection,
        pytest.raises(SettingsError, match="no record is lost"),
    ):
        skip_lost(of_kafka.settings, connection, stream, "a test", "of one that is well")
    time.sleep(3)  # in which it would notice that it was overtaken
    assert (process.poll(), of_kafka.ask(held)) == (None, epoch)


@pytest.mark.long
def test_records_that_went_before_the_first_was_read_are_told(
    of_kafka: Streams, broker: Broker
) -> None:
    ensure_topic(broker.access, TOPIC, 2)
    process = of_kafka.start()
    of_kafka.wait_until(lambda: of_kafka.ask("SELECT FROM ops.stream WHERE next_offsets <> '{}'"))
    of_kafka.driver(process).send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    deliver_records(broker)
    delete_records(broker, before=10)
    of_kafka.start()
    of_kafka.wait_until(
        lambda: of_kafka.ask("SELECT FROM ops.stream WHERE error LIKE %s", "%records 0 to 9 of%")
    )


@pytest.mark.long
def test_large_records_that_wait_are_taken_some_at_a_time(
    of_kafka: Streams, broker: Broker
) -> None:
    producer = Producer({**client_options(broker.access), "acks": "all"})
    for number in range(LARGE):
        text = event(number)[:-1] + ', "note": "' + "x" * 60_000 + '"}'
        producer.produce(TOPIC, text.encode(), partition=number % 2)
        producer.poll(0)
    assert producer.flush(30) == 0
    of_kafka.start()
    of_kafka.wait_until(lambda: len(of_kafka.live_ids()) == LARGE)
    ((most,),) = of_kafka.ask("SELECT max(records) FROM ops.stream_slice")
    assert most * 60_000 <= MOST_BYTES


@pytest.mark.long
def test_a_topic_that_was_made_anew_is_told_though_it_has_outgrown_the_old_one(
    of_kafka: Streams, broker: Broker, database: Database
) -> None:
    deliver_records(broker)
    process = of_kafka.start()
    of_kafka.wait_until(lambda: len(of_kafka.live_ids()) == EVENTS)
    of_kafka.driver(process).send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    delete_topics(broker.access, [TOPIC])
    ensure_topic(broker.access, TOPIC, 2)
    for _ in range(3):
        deliver_records(broker)
    of_kafka.start()
    of_kafka.wait_until(
        lambda: of_kafka.ask("SELECT FROM ops.stream WHERE error LIKE %s", "%was made anew%")
    )
    with (
        database.connect("assay_streamer", autocommit=True) as connection,
        pytest.raises(SettingsError, match="of another name"),
    ):
        skip_lost(of_kafka.settings, connection, Stream(TOPIC, "kafka"), "a test", "anew")

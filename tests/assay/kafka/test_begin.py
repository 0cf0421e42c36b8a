"""Where a stream begins in a topic of a real broker, and what of it is told as lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from assay.kafka.access import client_options
from assay.kafka.admin import delete_topics, ensure_topic, records_within
from assay.streams.kafka_slices import begin_of
from builders.broker import Broker

TOPIC = "begins"


@pytest.fixture
def topic(broker: Broker) -> Iterator[str]:
    """Two partitions of five records each, of which the first two are gone."""
    ensure_topic(broker.access, TOPIC, 2)
    producer = Producer({**client_options(broker.access), "acks": "all"})
    for number in range(10):
        producer.produce(TOPIC, b"{}", partition=number % 2)
    assert producer.flush(30) == 0
    gone = [TopicPartition(TOPIC, number, 2) for number in (0, 1)]
    admin = AdminClient(client_options(broker.access))  # whose requests end with it
    for done in admin.delete_records(gone).values():
        done.result(30)
    yield TOPIC
    delete_topics(broker.access, [TOPIC])


def test_a_new_topic_begins_with_what_it_has(broker: Broker, topic: str) -> None:
    assert begin_of(broker.access, [topic, "none"], {}) == {topic: {"0": 2, "1": 2}}


def test_so_many_records_are_taken_as_are_no_burden(broker: Broker, topic: str) -> None:
    begun = {topic: {"0": 2, "1": 2}}
    assert records_within(broker.access, begun, 100, 1) == 1, "one, however large"
    assert records_within(broker.access, begun, 100, 7) == 3, "of two bytes each"
    assert records_within(broker.access, begun, 4, 100) == 4
    assert records_within(broker.access, begun, 100, 100) == 100, "all that there is"
    assert records_within(broker.access, {topic: {"0": 5, "1": 5}}, 100, 1) == 100


def test_a_partition_that_the_books_do_not_know_begins_with_its_very_first(
    broker: Broker, topic: str
) -> None:
    """So that records which went before anybody had read them are told."""
    known = {topic: {"0": 4}, "former": {"0": 9}}
    assert begin_of(broker.access, [topic], known) == {
        topic: {"0": 4, "1": 0},
        "former": {"0": 9},
    }

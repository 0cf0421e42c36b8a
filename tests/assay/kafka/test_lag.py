"""How far a stream is behind the topics of a real broker; without one, nobody can say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from assay.kafka.access import client_options
from assay.ledger.stream_states import stream_states
from assay.ledger.streams import Offsets, record, take_stream
from assay.settings import load_settings
from assay.streams.state import Health, health_of
from builders.broker import Broker, fresh_topic

if TYPE_CHECKING:
    from conftest import Database

TOPIC = "ecommerce_events"


@pytest.fixture
def topic(broker: Broker) -> Iterator[str]:
    """Two partitions of five records each."""
    with fresh_topic(broker.access, TOPIC):
        producer = Producer({**client_options(broker.access), "acks": "all"})
        for number in range(10):
            producer.produce(TOPIC, b"{}", partition=number % 2)
        assert producer.flush(30) == 0
        yield TOPIC


def health(database: Database, home: Path, servers: str, begun: Offsets | None) -> Health:
    given = {"ASSAY_HOME": str(home), **({"ASSAY_KAFKA": servers} if servers else {})}
    name = f"{TOPIC}.kafka"
    with database.connect("assay_streamer", autocommit=True) as connection:
        epoch = take_stream(connection, name, TOPIC, "kafka", "a test").epoch
        record(connection, name, epoch, 0, [], begun)
        (state,) = stream_states(connection)
    return health_of(load_settings(given), state)


def test_the_lag_of_kafka_is_what_is_behind_the_offsets_of_the_books(
    database: Database, broker: Broker, topic: str, tmp_path: Path
) -> None:
    servers = broker.access.bootstrap_servers
    assert health(database, tmp_path, servers, None) == Health("running", 10)
    begun = {topic: {"0": 3, "1": 5}}
    assert health(database, tmp_path, servers, begun) == Health("running", 2)
    unknown = {topic: {"0": 3}}  # as after a partition was added
    assert health(database, tmp_path, servers, unknown) == Health("running", 7)


def test_without_a_broker_the_lag_is_unknown(database: Database, tmp_path: Path) -> None:
    assert health(database, tmp_path, "", None) == Health("running", None)

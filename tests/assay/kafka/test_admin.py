"""A real broker is asked for topics and offsets; one that is away is one clear sentence."""

from __future__ import annotations

import time

import pytest

from assay.errors import KafkaUnavailableError
from assay.kafka.access import KafkaAccess
from assay.kafka.admin import (
    OffsetRange,
    answers,
    delete_topics,
    ensure_topic,
    offsets,
    partitions,
    topic_ids,
    wait_for_broker,
)
from builders.broker import Broker
from builders.ports import free_port


def test_a_topic_is_made_once_and_tells_its_offsets(broker: Broker) -> None:
    access = broker.access
    assert answers(access)
    assert partitions(access, "fresh") == []
    assert offsets(access, "fresh") == {}
    assert ensure_topic(access, "fresh", partitions=3)
    assert not ensure_topic(access, "fresh", partitions=5)
    assert partitions(access, "fresh") == [0, 1, 2]
    assert offsets(access, "fresh") == dict.fromkeys(range(3), OffsetRange(0, 0))
    first = topic_ids(access, ["fresh", "none"])
    assert [*first] == ["fresh"]
    delete_topics(access, ["fresh"])
    assert partitions(access, "fresh") == []
    assert ensure_topic(access, "fresh")
    assert topic_ids(access, ["fresh"]) not in ({}, first)
    delete_topics(access, ["fresh"])


def test_a_broker_that_is_away_is_one_sentence_in_time() -> None:
    nobody = KafkaAccess(f"127.0.0.1:{free_port()}")
    started = time.monotonic()
    assert not answers(nobody, 0.2)
    with pytest.raises(
        KafkaUnavailableError, match=r"Kafka at 127.0.0.1:\d+ does not answer"
    ) as no:
        wait_for_broker(nobody, 0.5)
    assert time.monotonic() - started < 5
    assert "\n" not in str(no.value)
    assert "ASSAY_KAFKA" in str(no.value)

"""Whether topics are there, and still those that streams read, by the ids that Kafka gave them.

What is wrong with one of them is told to those who post to it, and keeps up no other. A topic that
was deleted and made anew takes records, but no stream reads them: its offsets mean other records
than those that the books have. So nothing may be promised of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from confluent_kafka import KafkaException

from assay.events.event import Progress
from assay.events.sinks import emit
from assay.gateway.records import Target
from assay.kafka.access import KafkaAccess
from assay.kafka.admin import ensure_topic, partitions, topic_ids
from assay.ledger.streams import begun_at
from assay.streams.kafka_slices import made_anew, told_anew
from assay.streams.names import Stream

LOOK_SECONDS = 30.0  # as streams look


class SameTopics:
    """What is wrong with topics, as it was found at most half a minute ago."""

    def __init__(self, access: Callable[[], KafkaAccess], *, makes_topics: bool) -> None:
        self.access, self.makes_topics = access, makes_topics
        self.found: dict[str, tuple[float, str]] = {}

    def forget(self) -> None:
        """Look again before the next record: the brokers were away, and may be others."""
        self.found.clear()

    def faults(
        self, connection: psycopg.Connection[Any], targets: Iterable[Target]
    ) -> dict[str, str]:
        """Why nothing is sent to a topic, of each of which that is so.

        One that is not there is made on a broker of our own alone. Raises KafkaUnavailableError,
        SettingsError and the errors of Postgres.
        """
        faults = {}
        for topic, dataset in {each.topic: each.dataset for each in targets}.items():
            at, fault = self.found.get(topic, (0.0, ""))
            if topic not in self.found or time.monotonic() - at > LOOK_SECONDS:
                fault = self._look(connection, topic, Stream(dataset, "kafka"))
                self.found[topic] = time.monotonic(), fault
                if fault:
                    emit(Progress(fault))
            if fault:
                faults[topic] = fault
        return faults

    def _look(self, connection: psycopg.Connection[Any], topic: str, stream: Stream) -> str:
        _, known = begun_at(connection, stream.name)
        access = self.access()
        if topic in known:
            there = topic_ids(access, [topic])
            # One that is gone would be made here, and be another one.
            is_gone = not there and not partitions(access, topic)
            return told_anew(stream, [topic]) if is_gone or made_anew(known, there) else ""
        if self.makes_topics:
            return _made(access, topic)
        if partitions(access, topic):
            return ""
        return (
            f"there is no topic {topic} at {access.bootstrap_servers}; make it, or correct"
            " source.stream.topics of the contract"
        )


def _made(access: KafkaAccess, topic: str) -> str:
    """Make a topic that is not there: why it cannot be made."""
    try:
        ensure_topic(access, topic)
    except KafkaException as error:
        return f"the topic {topic} cannot be made at {access.bootstrap_servers}: {error}"
    return ""

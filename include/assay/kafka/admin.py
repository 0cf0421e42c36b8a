"""What we ask of brokers beside records: whether they answer, topics, and their offsets."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic, Uuid

from assay.errors import KafkaUnavailableError
from assay.kafka.access import KafkaAccess, client_options

ANSWER_SECONDS = 10.0
QUIET_SECONDS = 1.5  # in which a record comes that is there; the mark of a transaction is none
NO_ID = str(Uuid(0, 0))
# The library would write each refused connection to standard error, beside the error that we raise.
SILENT = logging.getLogger("assay.kafka.library")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False


@dataclass(frozen=True)
class OffsetRange:
    """What a broker still has of a partition: from `earliest` on, and up to before `latest`."""

    earliest: int
    latest: int


def answers(access: KafkaAccess, seconds: float = 2.0) -> bool:
    """Whether a broker tells its topics within so many seconds."""
    try:
        _admin(access).list_topics(timeout=seconds)
    except KafkaException:
        return False
    return True


def wait_for_broker(access: KafkaAccess, seconds: float = 30.0) -> None:
    """Raises KafkaUnavailableError, with the last refusal, when no broker answers in time."""
    admin = _admin(access)
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        try:
            admin.list_topics(timeout=max(0.1, min(left, 2.0)))
        except KafkaException as error:
            if left <= 0:
                raise unavailable(access, error) from error
        else:
            return


def ensure_topic(access: KafkaAccess, topic: str, partitions: int = 1) -> bool:
    """Make a topic that is not there, in the broker's usual replication: whether it was made.

    One that is there is left as it is, however many partitions it has.
    """
    admin = _admin(access)
    if _partition_numbers(access, admin, topic):
        return False
    made = admin.create_topics([NewTopic(topic, partitions, -1)], request_timeout=ANSWER_SECONDS)
    try:
        _result(access, made[topic])
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    deadline = time.monotonic() + ANSWER_SECONDS
    while not _partition_numbers(access, admin, topic) and time.monotonic() < deadline:
        time.sleep(0.02)  # the controller has made it, and brokers hear of it
    return True


def partitions(access: KafkaAccess, topic: str) -> list[int]:
    """The numbers of the partitions of a topic; none when there is no such topic."""
    return _partition_numbers(access, _admin(access), topic)


def offsets(access: KafkaAccess, topic: str) -> dict[int, OffsetRange]:
    """What each partition of a topic holds now; nothing when there is no such topic."""
    # No group of ours is known to the broker: nothing is committed, nothing is joined.
    options = {**_options(access), "group.id": "assay-offsets", "enable.auto.commit": False}
    found = {}
    numbers = partitions(access, topic)
    with closing(Consumer(options, logger=SILENT)) as consumer:
        for number in numbers:
            try:
                earliest, latest = consumer.get_watermark_offsets(
                    TopicPartition(topic, number), timeout=ANSWER_SECONDS
                )
            except KafkaException as error:
                raise unavailable(access, error) from error
            found[number] = OffsetRange(earliest, latest)
    return found


def topic_ids(access: KafkaAccess, topics: Sequence[str]) -> dict[str, str]:
    """The id of each topic that is there, which no other topic has, also none of the same name.

    Left out are topics of brokers that give none.
    """
    admin, ids = _admin(access), {}
    told = admin.describe_topics(TopicCollection([*topics]), request_timeout=ANSWER_SECONDS)
    for topic, future in told.items():
        try:
            described = _result(access, future)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise unavailable(access, error) from error
        else:
            ids[topic] = str(described.topic_id)
    return {topic: told for topic, told in ids.items() if told != NO_ID}


def records_within(
    access: KafkaAccess, begun: Mapping[str, Mapping[str, int]], records: int, size: int
) -> int:
    """How many of the next records come to `size` bytes at most: 1 to `records`.

    They are read for it; where fewer are there, `records` is told.
    """
    options = {**_options(access), "group.id": "assay-sizes", "enable.auto.commit": False}
    wanted, left = [], 0
    for topic, firsts in begun.items():
        there = offsets(access, topic)
        for number, first in firsts.items():
            left += max(0, there[int(number)].latest - first)
            wanted.append(TopicPartition(topic, int(number), first))
    found = held = 0
    with closing(Consumer(options, logger=SILENT)) as consumer:
        consumer.assign(wanted)
        while found < min(left, records) and (message := consumer.poll(QUIET_SECONDS)):
            if message.error():
                raise unavailable(access, KafkaException(message.error()))
            held += len(message.value() or b"") + len(message.key() or b"")
            if held > size:
                return max(1, found)
            found += 1
    return records


def delete_topics(access: KafkaAccess, topics: Iterable[str]) -> None:
    """Remove topics with all that they hold."""
    admin = _admin(access)  # whose requests end with it
    for future in admin.delete_topics(list(topics)).values():
        _result(access, future)


def unavailable(access: KafkaAccess, error: KafkaException) -> KafkaUnavailableError:
    """The error for people: which brokers, and what they or the network said."""
    cause = error.args[0]
    said = cause.str() if isinstance(cause, KafkaError) else str(cause)
    return KafkaUnavailableError(
        f"Kafka at {access.bootstrap_servers} does not answer ({said}); start it (make up starts"
        " our own with ASSAY_KAFKA=yes), or correct ASSAY_KAFKA and the login"
    )


def _admin(access: KafkaAccess) -> AdminClient:
    return AdminClient(_options(access), logger=SILENT)


def _options(access: KafkaAccess) -> dict[str, Any]:
    return {**client_options(access), "socket.connection.setup.timeout.ms": 10_000}


def _partition_numbers(access: KafkaAccess, admin: AdminClient, topic: str) -> list[int]:
    try:
        told = admin.list_topics(timeout=ANSWER_SECONDS).topics
    except KafkaException as error:
        raise unavailable(access, error) from error
    return sorted(told[topic].partitions) if topic in told else []


def _result(access: KafkaAccess, future: Future[Any]) -> Any:
    """The answer. A broker that is away is told as such, any other refusal is raised as it is."""
    try:
        return future.result(timeout=ANSWER_SECONDS + 5)
    except KafkaException as error:
        if error.args[0].code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
            raise unavailable(access, error) from error
        raise

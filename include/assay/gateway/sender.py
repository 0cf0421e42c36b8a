"""Sends the records of requests to topics, and hears at which offsets they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from assay.errors import KafkaUnavailableError
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.gateway.records import Prepared
from assay.kafka.access import KafkaAccess, client_options
from assay.kafka.admin import SILENT, answers, unavailable

PATIENCE = 10.0  # seconds for which records wait for a broker that is away
LOOK_SECONDS = 2.0  # the same for a session that is not there yet: others wait meanwhile
LEAVE_SECONDS = 1.0
BUFFERED_MESSAGES, BUFFERED_KIB = 1_000_000, 256 << 10
Ranges = dict[str, list[list[int]]]  # by partition: first offset, and first after it


@dataclass
class Sent:
    """What became of the records of a request."""

    records: int
    ranges: Ranges = field(default_factory=dict)
    acknowledged: int = 0
    error: KafkaError | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every record was acknowledged."""
        return self.acknowledged == self.records

    def hear(self, error: KafkaError | None, message: Message) -> None:
        """Of one record; those of a partition come in their order."""
        if error is not None:
            self.error = error
            return
        offset = message.offset()
        if offset is None:  # nobody can say where it is, so it is sent again
            return
        self.acknowledged += 1
        ranges = self.ranges.setdefault(str(message.partition()), [])
        if ranges and ranges[-1][1] == offset:
            ranges[-1][1] += 1
        else:
            ranges.append([offset, offset + 1])


class Sender:
    """An idempotent producer, which is made anew when the brokers were away."""

    def __init__(self, access: Callable[[], KafkaAccess]) -> None:
        self.access = access
        self.producer: Producer | None = None

    def open(self) -> None:
        """Have a session. Raises KafkaUnavailableError, soon, when no broker answers."""
        self._opened()

    def send(self, requests: Sequence[Prepared]) -> list[Sent]:
        """Send the records of requests, and wait until all of them are acknowledged or are not.

        Raises KafkaUnavailableError when no broker answers; of what was sent until then nobody
        hears.
        """
        sent = [Sent(each.records) for each in requests]
        deadline = time.monotonic() + PATIENCE
        try:
            for each, told in zip(requests, sent, strict=True):
                self._send(each, told, deadline)
            self._opened().flush(max(LEAVE_SECONDS, deadline + LEAVE_SECONDS - time.monotonic()))
        except BaseException:
            self.part()
            raise
        errors = {str(each.error) for each in sent if each.error}
        if not all(each.is_whole for each in sent):
            emit(Progress(f"records were not acknowledged: {', '.join(sorted(errors)) or 'late'}"))
            self.part()  # whatever of it is under way must not come after the answer
        return sent

    def part(self) -> None:
        """End the session; what is not sent is not sent any more."""
        if self.producer is not None:
            self.producer.purge()
            self.producer.flush(LEAVE_SECONDS)
        self.producer = None

    def _send(self, request: Prepared, told: Sent, deadline: float) -> None:
        producer, topic, hear = self._opened(), request.target.topic, told.hear
        for key, value in zip(request.keys, request.lines, strict=True):
            while True:
                try:
                    producer.produce(topic, value, key, on_delivery=hear)
                except BufferError as error:  # more than is taken at once
                    producer.poll(0.05)
                    if time.monotonic() > deadline:
                        raise KafkaUnavailableError(f"{topic} takes no more records") from error
                except KafkaException as error:
                    told.error = error.args[0]  # such as a record that is too large
                    return
                else:
                    break
        producer.poll(0)

    def _opened(self) -> Producer:
        if self.producer is None:
            access = self.access()
            if not answers(access, LOOK_SECONDS):
                away = KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
                raise unavailable(access, away)
            options = {
                **client_options(access),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 1,
                "message.timeout.ms": int(PATIENCE * 1000),
                "queue.buffering.max.messages": BUFFERED_MESSAGES,
                "queue.buffering.max.kbytes": BUFFERED_KIB,
            }
            self.producer = Producer(options, logger=SILENT)
        return self.producer

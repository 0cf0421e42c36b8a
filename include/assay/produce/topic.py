"""Records into a Kafka topic: by an idempotent producer, each acknowledged by all replicas."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from assay.errors import KafkaUnavailableError
from assay.kafka.access import KafkaAccess, client_options
from assay.kafka.admin import SILENT, ensure_topic, unavailable, wait_for_broker
from assay.produce.events import Piece
from assay.produce.targets import STAMP, Delivered, time_text

Headers = list[tuple[str, str | bytes | None]]
PATIENCE = 120.0  # seconds for which a record waits for a broker that is away
LINGER = 5  # milliseconds for which records wait for more, to travel together


class Topic:
    """One record an event: its id is the key, its JSON the value, its time the timestamp and a
    header. Raises KafkaUnavailableError when no broker answers.
    """

    interval = 0.05
    as_json = True

    def __init__(self, access: KafkaAccess, topic: str, partitions: int) -> None:
        self.access, self.topic = access, topic
        wait_for_broker(access, 10.0)
        self.is_new = ensure_topic(access, topic, partitions)
        self.done = Delivered()
        self.refused: KafkaError | None = None
        options = {
            **client_options(access),
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": LINGER,
            "message.timeout.ms": int(PATIENCE * 1000),
        }
        self.producer = Producer(options, logger=SILENT)

    def send(self, events: Piece, made_us: int) -> None:
        headers: Headers = [(STAMP, time_text(made_us).encode())]
        for position, (key, line) in enumerate(
            zip(events.ids, events.lines, strict=True), start=events.first
        ):
            self._produce(key.encode(), line.encode(), made_us // 1000, headers, position)
        self.producer.poll(0)
        self._require_taken()

    def finish(self) -> None:
        self.producer.flush(PATIENCE + 10)
        self._require_taken()

    def delivered(self) -> Iterator[tuple[int, int]]:
        yield from self.done.ranges

    def _produce(
        self,
        key: bytes,
        value: bytes,
        made_ms: int,
        headers: Headers,
        position: int,
    ) -> None:
        told = partial(self._hear, position)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.producer.produce(
                    self.topic, value, key, timestamp=made_ms, headers=headers, on_delivery=told
                )
            except BufferError:  # the broker is away, or slower than we are
                self.producer.poll(0.1)
                self._require_taken()
                if time.monotonic() > deadline:
                    raise self._away("it takes no record") from None
            except KafkaException as error:  # such as a record that is too large
                raise unavailable(self.access, error) from error
            else:
                return

    def _hear(self, position: int, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.done.add(position, position)
        else:
            self.refused = self.refused or error

    def _require_taken(self) -> None:
        if self.refused:
            raise self._away(self.refused.str())

    def _away(self, cause: str) -> KafkaUnavailableError:
        return KafkaUnavailableError(
            f"Kafka at {self.access.bootstrap_servers} did not acknowledge records of"
            f" {self.topic} ({cause}); the truth file says which are there for certain"
        )

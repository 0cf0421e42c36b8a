"""A real Kafka broker as a process of the tests' own, run as by the stack; and what topics hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from confluent_kafka import Consumer, Message, TopicPartition

from assay.errors import KafkaUnavailableError
from assay.kafka.access import KafkaAccess, client_options, kafka_access
from assay.kafka.admin import delete_topics, ensure_topic, offsets, partitions, wait_for_broker
from assay.settings import LOOPBACK, REPOSITORY, Settings, load_settings
from assay.spark_runtime.jars import ensure_jars
from assay_stack.kafka import prepare_broker, properties_text
from builders.ports import free_ports

PATIENCE = 240.0  # seconds, on a machine that has much else to do


class Broker:
    """It may be killed and started again, on the same data and ports.

    `extra` is configuration beside that of the stack.
    """

    def __init__(self, settings: Settings, extra: Mapping[str, str]) -> None:
        self.settings, self.extra = settings, extra
        self.ports = dict(zip(("kafka", "kafka-controller"), free_ports(2), strict=True))
        (settings.home / "ports.json").write_text(json.dumps(self.ports))
        self.log = settings.home / "kafka.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def access(self) -> KafkaAccess:
        return kafka_access(self.settings)

    def start(self, access: KafkaAccess | None = None) -> None:
        command, environment = prepare_broker(
            self.settings, LOOPBACK, LOOPBACK, *self.ports.values()
        )
        with (self.settings.home / "kafka" / "server.properties").open("a") as properties:
            properties.write(properties_text(self.extra))
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return wait_for_broker(access or self.access, 5)
            except KafkaUnavailableError:
                assert self.process.poll() is None, self.log.read_text()[-3000:]
                if time.monotonic() > deadline:
                    raise

    def kill(self) -> None:
        """As `kill -9` does: nothing is closed, flushed or said."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)


@contextmanager
def broker_of_tests(extra: Mapping[str, str] | None = None) -> Iterator[Broker]:
    """A broker with empty data; its JARs are those of the repository's own state folder."""
    home = os.environ.get("ASSAY_HOME") or str(REPOSITORY / ".assay")
    shared = load_settings({"ASSAY_HOME": home})
    ensure_jars(shared, print, "broker")
    with tempfile.TemporaryDirectory(prefix="assay-broker-") as folder:
        settings = replace(shared, home=Path(folder), runtime_folder=shared.home, own_broker=True)
        broker = Broker(settings, extra or {})
        try:
            yield broker
        finally:
            broker.kill()


@contextmanager
def running_broker() -> Iterator[Broker]:
    """One that has the configuration of the stack's, and answers."""
    with broker_of_tests() as broker:
        broker.start()
        yield broker


@contextmanager
def fresh_topic(access: KafkaAccess, topic: str) -> Iterator[str]:
    """An empty topic of two partitions, whatever other tests or a gateway have put there."""
    if partitions(access, topic):
        delete_topics(access, [topic])
    deadline = time.monotonic() + PATIENCE
    while not ensure_topic(access, topic, 2):  # the old one is still on its way out
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield topic
    if partitions(access, topic):
        delete_topics(access, [topic])


def records_of(access: KafkaAccess, topic: str) -> list[Message]:
    """Everything that a topic holds, partition by partition."""
    options = {**client_options(access), "group.id": "tests", "enable.auto.commit": False}
    found: list[Message] = []
    with closing(Consumer(options)) as consumer:
        for number, there in offsets(access, topic).items():
            consumer.assign([TopicPartition(topic, number, there.earliest)])
            wanted = there.latest - there.earliest
            while wanted > 0:
                read = consumer.consume(min(wanted, 1000), timeout=10)
                assert read, f"{wanted} records of {topic}/{number} do not come"
                assert [each.error() for each in read if each.error()] == []
                found += read
                wanted -= len(read)
    return found

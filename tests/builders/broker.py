"""A real Kafka broker as a process of the tests' own, run as by the stack; and what topics hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from confluent_kafka import Consumer, Message, TopicPartition

from assay.home.ports import next_free_port
from assay.kafka.access import KafkaAccess, client_options, kafka_access
from assay.kafka.admin import offsets, wait_for_broker
from assay.settings import LOOPBACK, REPOSITORY, Settings, load_settings
from assay.spark_runtime.jars import ensure_jars
from assay_stack.kafka import prepare_broker, properties_text

PATIENCE = 240.0  # seconds, on a machine that has much else to do
FIRST_PORT = 29092  # away from what a stack on this machine would take


class Broker:
    """It may be killed and started again, on the same data and ports.

    `extra` is configuration beside that of the stack.
    """

    def __init__(self, settings: Settings, extra: Mapping[str, str]) -> None:
        self.settings, self.extra = settings, extra
        port = next_free_port(FIRST_PORT + os.getpid() % 5000, set())
        self.ports = {"kafka": port, "kafka-controller": next_free_port(port + 1, set())}
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
        wait_for_broker(access or self.access, PATIENCE)

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

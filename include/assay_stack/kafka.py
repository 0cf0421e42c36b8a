"""The broker of the stack: one Apache Kafka that is its own controller, on loopback."""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from assay.errors import StackError
from assay.home.paths import SPARK_HOME, child_environment
from assay.home.ports import OF_THE_BROKER, load_ports
from assay.home.processes import working_folder
from assay.kafka.access import kafka_access
from assay.kafka.admin import answers
from assay.settings import LOOPBACK, Settings, load_settings
from assay.spark_runtime.jars import ensure_jars, jar_paths
from assay.spark_runtime.java import ensure_java
from assay.storage.files import write_whole
from assay.storage.finding import Finding
from assay.words import Say

KAFKA = "kafka"
# The heap of a broker for one machine's streams, as small as it runs well.
JAVA_OPTIONS = (
    *("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *("-XX:+ExitOnOutOfMemoryError", "-Duser.timezone=UTC"),
)
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # One node: nothing of its own can have a second copy.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # One that was killed comes back as soon as its controller takes it for gone.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "1000",
    # A name that is spelled wrong is an error, not a topic.
    "auto.create.topics.enable": "false",
    # What is acknowledged is on disk: no second node has it when the machine loses power.
    "log.flush.interval.messages": "1",
    "log.retention.hours": "168",
}
LOG = """\
status=WARN
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %m (%c{1})%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
"""


def prepare_kafka(settings: Settings, say: Say) -> None:
    """Fetch what our own broker runs on, and what Spark reads Kafka with."""
    if settings.uses_kafka:
        ensure_jars(settings, say, "kafka")
    if settings.own_broker:
        ensure_jars(settings, say, "broker")


def kafka_state(settings: Settings, *, is_up: bool) -> Finding:
    """What the doctor says of the brokers. `is_up`: whether our own should be running."""
    if settings.own_broker and not is_up:
        return Finding(KAFKA, "a broker of our own; make up starts it")
    access = kafka_access(settings)
    where = access.bootstrap_servers
    if answers(access, 5.0):
        return Finding(KAFKA, f"{where} answers")
    if settings.own_broker:
        return Finding(KAFKA, f"{where} does not answer", f"see {settings.logs / 'kafka.log'}")
    remedy = "start it, or correct ASSAY_KAFKA and the login in kafka.json (docs/kafka.md)"
    return Finding(KAFKA, f"{where} does not answer", remedy)


def server_properties(
    data: Path, listen: str, advertised: str, port: int, controller_port: int
) -> dict[str, str]:
    """The configuration. Clients connect to `listen` and are sent on to `advertised`."""
    controller = f"{LOOPBACK}:{controller_port}"
    return {
        **PROPERTIES,
        "listeners": f"CLIENT://{listen}:{port},CONTROLLER://{controller}",
        "advertised.listeners": f"CLIENT://{advertised}:{port},CONTROLLER://{controller}",
        "controller.quorum.voters": f"1@{controller}",
        "log.dirs": str(data),
    }


def prepare_broker(
    settings: Settings, listen: str, advertised: str, port: int, controller_port: int
) -> tuple[list[str], dict[str, str]]:
    """Write the configuration, format the folder of the data once, and return command and
    environment of the broker. Raises StackError when its folder cannot be formatted.
    """
    home = settings.home / "kafka"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    properties, log = home / "server.properties", home / "log4j2.properties"
    data = home / "data"
    facts = server_properties(data, listen, advertised, port, controller_port)
    write_whole(properties, properties_text(facts))
    write_whole(log, LOG)
    scala = (SPARK_HOME / "jars").glob("scala-library-2.13*.jar")
    classes = ":".join(str(path) for path in (*jar_paths(settings, "broker"), *scala))
    java = str(ensure_java(settings).home / "bin" / "java")
    command = [java, *JAVA_OPTIONS, f"-Dlog4j2.configurationFile={log}", "-cp", classes]
    environment = child_environment({"TZ": "UTC"})
    if not (data / "meta.properties").is_file():
        _format(command, environment, properties)
    return [*command, "kafka.Kafka", str(properties)], environment


def _format(command: list[str], environment: dict[str, str], properties: Path) -> None:
    """Give the folder its identity; one that a killed start left half made is completed."""
    # A letter in front: Kafka takes an id that begins with a dash for an option.
    cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
    tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster]
    done = subprocess.run(  # noqa: S603
        [*command, *tool, "-c", str(properties)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise StackError(f"Kafka's folder could not be formatted: {last[:300]}")


def properties_text(facts: Mapping[str, str]) -> str:
    """A file of properties, which Java reads as Latin-1, with escapes for all other letters."""
    escaped = {
        name: "".join(
            c if " " <= c <= "~" else f"\\u{ord(c):04x}" for c in text.replace("\\", r"\\")
        )
        for name, text in facts.items()
    }
    return "".join(f"{name}={text}\n" for name, text in escaped.items())


def main() -> None:
    """Become the broker of the embedded stack."""
    settings = load_settings()
    port, controller_port = (load_ports(settings)[name] for name in OF_THE_BROKER)
    command, environment = prepare_broker(settings, LOOPBACK, LOOPBACK, port, controller_port)
    os.chdir(working_folder(settings))
    os.execve(command[0], command, environment)  # noqa: S606


if __name__ == "__main__":
    main()

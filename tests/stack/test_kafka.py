"""The broker as a part of the stack: when it is there, how it listens, what is said of it."""

from __future__ import annotations

import dataclasses
import json
import subprocess

import pytest

from assay.errors import StackError
from assay.home.ports import choose_ports, load_ports
from assay.settings import REPOSITORY, Settings
from assay.spark_runtime.jars import jar_folder, job_jars, kafka_jars, locked_jars
from assay.storage.finding import Finding
from assay_stack.doctor import examine
from assay_stack.kafka import kafka_state, prepare_broker, properties_text, server_properties
from assay_stack.programs import programs_of
from builders.broker import Broker

CHECK = REPOSITORY / "include" / "assay_stack" / "healthy.sh"


def with_broker(settings: Settings) -> Settings:
    return dataclasses.replace(settings, own_broker=True)


def test_a_stack_has_a_broker_only_when_it_is_asked_for(settings: Settings) -> None:
    assert "kafka" not in programs_of(settings)
    assert programs_of(with_broker(settings))[:2] == ("postgres", "kafka")
    assert "kafka" not in choose_ports(settings, print)
    ports = choose_ports(with_broker(settings), print)
    assert choose_ports(settings, print).keys().isdisjoint({"kafka", "kafka-controller"})
    assert load_ports(settings) == ports, "it would have the same ports again"


def test_it_listens_on_loopback_and_nowhere_else(settings: Settings) -> None:
    facts = server_properties(settings.home, "127.0.0.1", "127.0.0.1", 9092, 9093)
    for name in ("listeners", "advertised.listeners"):
        assert {each.partition("://")[2] for each in facts[name].split(",")} == {
            "127.0.0.1:9092",
            "127.0.0.1:9093",
        }
    inside = server_properties(settings.home, "0.0.0.0", "kafka", 9092, 9093)  # noqa: S104
    assert inside["advertised.listeners"].startswith("CLIENT://kafka:9092,")
    assert inside["listeners"].endswith(",CONTROLLER://127.0.0.1:9093")


def test_a_home_of_any_letters_can_be_told_in_a_file_of_properties() -> None:
    assert properties_text({"log.dirs": "/home/josé/a\\b"}) == (
        "log.dirs=/home/jos\\u00e9/a\\\\b\n"
    )


def test_its_jars_are_of_no_other_class_path(settings: Settings) -> None:
    folder = jar_folder(settings, "broker")
    assert folder != jar_folder(settings, "kafka") == jar_folder(settings, "delta")
    (folder).mkdir(parents=True)
    for group in ("delta", "kafka"):
        for jar in locked_jars(group):  # type: ignore[arg-type]
            (settings.jars / jar.file_name).touch()
    assert all(path.parent != folder for path in (*job_jars(settings), *kafka_jars(settings)))
    assert not set(kafka_jars(settings)) & set(job_jars(settings))


def kafka_finding(settings: Settings) -> Finding | None:
    return next((each for each in examine(settings) if each.subject == "kafka"), None)


def test_the_doctor_knows_brokers_and_says_when_none_answers(settings: Settings) -> None:
    assert kafka_finding(settings) is None
    assert kafka_finding(with_broker(settings)) == Finding(
        "kafka", "a broker of our own; make up starts it"
    )
    away = dataclasses.replace(settings, kafka_servers=(("127.0.0.1", 1),))
    found = kafka_finding(away)
    assert found
    assert not found.ok
    assert "correct ASSAY_KAFKA" in found.remedy


def test_a_folder_that_kafka_cannot_use_is_one_sentence(broker: Broker, settings: Settings) -> None:
    other = dataclasses.replace(
        broker.settings, home=settings.home, runtime_folder=broker.settings.runtime_folder
    )
    (settings.home / "kafka").mkdir()
    (settings.home / "kafka" / "data").write_text("a file where the folder should be")
    with pytest.raises(StackError, match="could not be formatted") as caught:
        prepare_broker(other, "127.0.0.1", "127.0.0.1", 9092, 9093)
    assert "\n" not in str(caught.value)


def test_a_running_broker_is_well_and_asked_for_no_more_than_its_requests(broker: Broker) -> None:
    assert kafka_state(broker.settings, is_up=True).ok
    port = broker.ports["kafka"]
    assert is_well(port)
    assert not is_well(1)


def is_well(port: int) -> bool:
    listens = "/dev/tcp/127.0.0.1/9092"
    script = CHECK.read_text()
    assert listens in script
    script = script.replace(listens, f"/dev/tcp/127.0.0.1/{port}")
    done = subprocess.run(["bash", "-c", script, "healthy.sh", "kafka"], capture_output=True)
    return done.returncode == 0


def test_its_folder_keeps_its_identity(broker: Broker) -> None:
    facts = (broker.settings.home / "kafka" / "data" / "meta.properties").read_text()
    assert json.dumps(facts).count("cluster.id=A") == 1

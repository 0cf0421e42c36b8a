"""A real broker that asks for a login takes ours, whatever characters it has, and no other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from assay.errors import KafkaUnavailableError
from assay.kafka.access import ESCAPES, KafkaAccess, spark_options
from assay.kafka.admin import answers, ensure_topic, wait_for_broker
from builders.broker import Broker, broker_of_tests

OF_ANY_CHARACTERS = "pass\"word\\ with; = 'all' of é"
ASKS = {
    "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
}


@pytest.fixture(scope="module")
def asking() -> Iterator[tuple[Broker, KafkaAccess]]:
    """A broker that knows one user; it reads the password from a line quoted as Spark's is."""
    login = KafkaAccess("unknown", "SASL_PLAINTEXT", "PLAIN", "streamer", OF_ANY_CHARACTERS)
    line = spark_options(login)["kafka.sasl.jaas.config"].removesuffix(";")
    known = f'{line} user_streamer="{OF_ANY_CHARACTERS.translate(ESCAPES)}";'
    with broker_of_tests({**ASKS, "listener.name.client.plain.sasl.jaas.config": known}) as broker:
        there = broker.access.bootstrap_servers
        access = dataclasses.replace(login, bootstrap_servers=there)
        broker.start(access)
        yield broker, access


@pytest.mark.long
def test_the_right_login_is_taken(asking: tuple[Broker, KafkaAccess]) -> None:
    assert ensure_topic(asking[1], "mine")


@pytest.mark.long
def test_a_wrong_login_and_none_are_refused_without_a_word_of_it(
    asking: tuple[Broker, KafkaAccess],
) -> None:
    broker, access = asking
    assert not answers(broker.access)
    wrong = dataclasses.replace(access, password="guessed-wrong")  # noqa: S106 (it is wrong)
    with pytest.raises(KafkaUnavailableError, match="does not answer") as caught:
        wait_for_broker(wrong, 3.0)
    assert "guessed-wrong" not in str(caught.value)

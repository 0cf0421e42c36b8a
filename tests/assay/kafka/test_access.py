"""Logins: spelled as each client takes them, and never shown."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from assay.errors import SettingsError, StackError
from assay.kafka.access import (
    KafkaAccess,
    access_of_connection,
    client_options,
    kafka_access,
    login_file,
    spark_options,
    write_login,
)
from assay.settings import Settings

OF_ANY_CHARACTERS = 'pass"word\\ with; = all'
SASL = KafkaAccess("broker:9093", "SASL_SSL", "PLAIN", "$ConnectionString", OF_ANY_CHARACTERS)


def read_quoted(text: str) -> str:
    """What a tokenizer of Java makes of a text between double quotes."""
    assert text[0] == text[-1] == '"'
    return str(json.loads(text))  # which has the same escapes for these characters


def test_without_a_login_only_the_address_is_told() -> None:
    plain = KafkaAccess("a:1,b:2")
    assert client_options(plain) == {
        "bootstrap.servers": "a:1,b:2",
        "security.protocol": "PLAINTEXT",
    }
    assert spark_options(plain) == {
        "kafka.bootstrap.servers": "a:1,b:2",
        "kafka.security.protocol": "PLAINTEXT",
        "kafka.isolation.level": "read_committed",
    }


def test_a_password_of_any_characters_is_one_text_of_the_jaas_line() -> None:
    line = spark_options(SASL)["kafka.sasl.jaas.config"]
    start, _, rest = line.partition(" password=")
    assert start == (
        "org.apache.kafka.common.security.plain.PlainLoginModule required"
        ' username="$ConnectionString"'
    )
    assert rest[-1] == ";"
    assert read_quoted(rest[:-1]) == OF_ANY_CHARACTERS
    assert client_options(SASL)["sasl.password"] == OF_ANY_CHARACTERS


def test_scram_has_its_own_module() -> None:
    scram = dataclasses.replace(SASL, sasl_mechanism="SCRAM-SHA-512")
    assert "ScramLoginModule" in spark_options(scram)["kafka.sasl.jaas.config"]
    assert client_options(scram)["sasl.mechanism"] == "SCRAM-SHA-512"


def test_certificates_of_our_own_are_told_to_both(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("…")
    trusting = KafkaAccess("broker:9093", "SSL", ca_file=str(tmp_path / "ca.pem"))
    assert client_options(trusting)["ssl.ca.location"] == trusting.ca_file
    told = spark_options(trusting)
    assert told["kafka.ssl.truststore.location"] == trusting.ca_file
    assert told["kafka.ssl.truststore.type"] == "PEM"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"bootstrap_servers": ""}, "bootstrap_servers"),
        ({"security_protocol": "TLS"}, "security_protocol='TLS'"),
        ({"sasl_mechanism": "GSSAPI"}, "sasl_mechanism='GSSAPI'"),
        ({"user": ""}, "user and password"),
        ({"password": ""}, "user and password"),
        ({"ca_file": "/nowhere.pem"}, "ca_file='/nowhere.pem'"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_password_is_not(
    changed: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        dataclasses.replace(SASL, **changed)
    assert OF_ANY_CHARACTERS not in str(caught.value)
    assert OF_ANY_CHARACTERS not in repr(SASL)


def elsewhere(settings: Settings) -> Settings:
    return dataclasses.replace(settings, kafka_servers=(("one", 9093), ("two", 9094)))


def test_the_login_file_is_for_its_owner_alone(settings: Settings) -> None:
    there = elsewhere(settings)
    write_login(there, SASL)
    assert login_file(there).stat().st_mode & 0o777 == 0o600
    assert kafka_access(there) == dataclasses.replace(SASL, bootstrap_servers="one:9093,two:9094")
    login_file(there).chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        kafka_access(there)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f'{{"password": "{"s" * 20}"', "is not JSON"),
        ('["a"]', "is no object of texts"),
        ('{"user": 1}', "is no object of texts"),
        (f'{{"pasword": "{"s" * 20}"}}', "pasword is none of"),
        ('{"security_protocol": "SASL_SSL"}', "sasl_mechanism=''"),
    ],
)
def test_a_login_file_that_cannot_be_used_is_named(
    settings: Settings, text: str, told: str
) -> None:
    there = elsewhere(settings)
    login_file(there).write_text(text)
    login_file(there).chmod(0o600)
    with pytest.raises(SettingsError, match=told) as caught:
        kafka_access(there)
    assert str(login_file(there)) in str(caught.value)
    assert "s" * 20 not in str(caught.value)


def test_a_home_without_kafka_says_how_to_have_one(settings: Settings) -> None:
    with pytest.raises(StackError, match="ASSAY_KAFKA=yes"):
        kafka_access(settings)


def test_our_own_broker_needs_no_login(settings: Settings) -> None:
    own = dataclasses.replace(settings, own_broker=True)
    (settings.home / "ports.json").write_text('{"kafka": 9192}')
    login_file(own).write_text("anything")
    assert kafka_access(own) == KafkaAccess("127.0.0.1:9192")


def test_a_connection_of_airflow_is_read_by_the_names_of_its_provider(settings: Settings) -> None:
    extra = {
        "bootstrap.servers": "ignored:1",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "group.id": "of a consumer, and not ours",
    }
    there = elsewhere(settings)
    found = access_of_connection(there, "$ConnectionString", OF_ANY_CHARACTERS, extra)
    assert found == dataclasses.replace(SASL, bootstrap_servers="one:9093,two:9094")
    found = access_of_connection(
        there, None, None, {**extra, "sasl.username": "u"} | {"sasl.password": "p"}
    )
    assert (found.user, found.password) == ("u", "p")
    with pytest.raises(SettingsError, match="connection assay_kafka: Kafka: SASL_SSL needs user"):
        access_of_connection(there, None, None, extra)

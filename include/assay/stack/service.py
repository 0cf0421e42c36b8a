"""One part of a stack in containers: what its process becomes, and what has to be ready first."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from assay.errors import StackError
from assay.files import write_whole
from assay.settings import Settings
from assay.stack.airflow import airflow_environment, ensure_pool, prepare_airflow
from assay.stack.credentials import load_credentials
from assay.stack.lake import claim_at_start
from assay.stack.others import MASTER_PAGE
from assay.stack.paths import BIN, SPARK_HOME, child_environment
from assay.stack.postgres import ensure_databases, login_refusal
from assay.stack.programs import AIRFLOW_PROGRAMS, QUIET
from assay.stack.spark import spark_environment
from assay.stack.storage import refuse_shared_storage
from assay.stack.supervisor import migrate_warehouse

Say = Callable[[str], None]
PATIENCE = 120.0
SPARK_CLASSES = {
    "spark-master": "org.apache.spark.deploy.master.Master",
    "spark-worker": "org.apache.spark.deploy.worker.Worker",
}
PARTS = (*AIRFLOW_PROGRAMS, *SPARK_CLASSES)


def make_secrets(settings: Settings) -> None:
    """Generate what is secret, once; and leave Postgres its password in a file of its own."""
    password = load_credentials(settings)["postgres"]
    write_whole(settings.secrets.with_name("postgres-password"), password, mode=0o600)


def initialise(settings: Settings, say: Say) -> None:
    """Bring roles, databases and both schemas to this version; safe to run again."""
    _require_elsewhere(settings)
    refuse_shared_storage(settings)
    wait_for_postgres(settings)
    ensure_databases(settings)
    migrate_warehouse(settings, say)
    prepare_airflow(settings, say)
    claim_at_start(settings)
    for folder in (settings.home / "tmp", settings.logs, settings.lake, settings.landing):
        if isinstance(folder, Path):
            folder.mkdir(parents=True, exist_ok=True)


def run_part(settings: Settings, part: str) -> None:
    """Become the process of this part. Does not return."""
    if part in SPARK_CLASSES:
        command, environment = _spark_command(settings, part), spark_environment(settings)
    else:
        _require_elsewhere(settings)
        if part == "scheduler":  # the API server is up by then, see docker-compose.yaml
            refuse_shared_storage(settings)
            ensure_pool(settings)
        command = [str(BIN / "airflow"), part, *QUIET.get(part, [])]
        environment = airflow_environment(settings)
    os.chdir(settings.home)
    os.execve(command[0], command, child_environment(environment))  # noqa: S606


def wait_for_postgres(settings: Settings, patience: float = PATIENCE) -> None:
    """Raises StackError, with the last refusal, when Postgres takes no login in time."""
    deadline = time.monotonic() + patience
    refusal = login_refusal(settings, "postgres", "postgres")
    while refusal:
        if time.monotonic() > deadline:
            raise StackError(
                f"the Postgres that ASSAY_POSTGRES names took no login in {patience:.0f} s: "
                f"{refusal}; check that it runs, and that {settings.secrets} holds its "
                "superuser's password"
            )
        time.sleep(1)
        refusal = login_refusal(settings, "postgres", "postgres")


def _spark_command(settings: Settings, part: str) -> list[str]:
    host, _, port = settings.spark_master.removeprefix("spark://").rpartition(":")
    if not settings.is_cluster:
        raise StackError(f"{part} needs ASSAY_SPARK_MASTER, such as spark://spark-master:7077")
    command = [str(SPARK_HOME / "bin" / "spark-class"), SPARK_CLASSES[part]]
    if part == "spark-master":
        return [*command, "--host", host, "--port", port, "--webui-port", str(MASTER_PAGE)]
    work = settings.home / "tmp" / "workers" / socket.gethostname()
    work.mkdir(parents=True, exist_ok=True)
    here = ["--host", socket.gethostname(), "--work-dir", str(work)]
    return [*command, *here, settings.spark_master]


def _require_elsewhere(settings: Settings) -> None:
    if not settings.runs_elsewhere:
        raise StackError(
            "this is for stacks in containers: set ASSAY_POSTGRES and ASSAY_AIRFLOW, "
            "or start the embedded stack with make up"
        )

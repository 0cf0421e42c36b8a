"""One part of a stack in containers: what its process becomes, and what has to be ready first."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from assay.errors import StackError
from assay.home.credentials import load_credentials
from assay.home.paths import BIN, SPARK_HOME, child_environment
from assay.home.ports import OF_THE_BROKER
from assay.settings import Settings
from assay.spark_runtime.conf import CLUSTER_UMASK, spark_environment
from assay.spark_runtime.server import server_command
from assay.storage.file_system import refuse_shared_storage
from assay.storage.files import write_whole
from assay.storage.lake_claim import claim_at_start
from assay.words import Say
from assay_stack.airflow import airflow_environment, ensure_pool, prepare_airflow
from assay_stack.kafka import KAFKA, prepare_broker
from assay_stack.others import MASTER_PAGE
from assay_stack.postgres import ensure_databases, login_refusal
from assay_stack.programs import AIRFLOW_PROGRAMS, GATEWAY, QUIET
from assay_stack.supervisor import migrate_warehouse

PATIENCE = 120.0
SPARK_CLASSES = {
    "spark-master": "org.apache.spark.deploy.master.Master",
    "spark-worker": "org.apache.spark.deploy.worker.Worker",
}
CONNECT = "spark-connect"
# In the network of its clients. To workers the server has no such name, and no such address.
CONNECT_NAME, CONNECT_PORT = "connect", 15002
# Folders of the home that are closed to Spark's workers from the start, and those not closed.
CLOSED = ("data_docs", "exports", "locks", "logs", "streams", "truth")
SHARED = ("accepted", "batches", "lake", "tmp")
# Spark asks nobody who he is: its page must only show, and nobody submits jobs to its master.
MASTER_OPTIONS = (
    "-Dspark.ui.killEnabled=false -Dspark.master.ui.decommission.allow.mode=DENY"
    " -Dspark.master.rest.enabled=false"
)
PARTS = (*AIRFLOW_PROGRAMS, *SPARK_CLASSES, CONNECT, GATEWAY, KAFKA)


def make_secrets(settings: Settings) -> None:
    """Generate what is secret, once; and leave Postgres its password in a file of its own."""
    password = load_credentials(settings)["postgres"]
    # A volume that only Postgres has besides, whose user is none of ours.
    write_whole(settings.secrets.with_name("postgres") / "password", password, mode=0o444)
    settings.secrets.with_name("postgres-password").unlink(missing_ok=True)  # of earlier versions


def initialise(settings: Settings, say: Say) -> None:
    """Bring roles, databases and both schemas to this version; safe to run again."""
    _require_elsewhere(settings)
    refuse_shared_storage(settings)
    wait_for_postgres(settings)
    ensure_databases(settings)
    migrate_warehouse(settings, say)
    prepare_airflow(settings, say)
    claim_at_start(settings)
    share_home(settings)


def share_home(settings: Settings) -> None:
    """Make the folders of the home, and leave Spark's workers only those that jobs work in.

    Workers are another user of our group. They may add to the folders that jobs make in lake and
    batches, and read the accepted files; everything else is closed to them.
    """
    files = (settings.landing, settings.archive, settings.rejected, settings.lake)
    for place in (*files, *(settings.home / name for name in (*CLOSED, "batches", "tmp"))):
        if isinstance(place, Path):
            place.mkdir(parents=True, exist_ok=True)
    for folder in settings.home.iterdir():
        ours = folder.is_dir() and folder.stat().st_uid == os.geteuid()
        if ours and folder.name not in SHARED:
            folder.chmod(0o700)
    # By descriptor: a worker may put a link where a folder was.
    lake = settings.lake
    for _, _, _, opened in os.fwalk(lake) if isinstance(lake, Path) else ():
        if os.fstat(opened).st_uid == os.geteuid():
            os.fchown(opened, -1, os.getegid())
            os.fchmod(opened, 0o777 & ~CLUSTER_UMASK)


def run_part(settings: Settings, part: str) -> None:
    """Become the process of this part. Does not return."""
    folder = settings.home / "tmp" if part == CONNECT else settings.home  # clients upload there
    if part == KAFKA:
        here, ports = socket.gethostname(), OF_THE_BROKER.values()
        command, environment = prepare_broker(settings, settings.listen, here, *ports)
    elif part in (*SPARK_CLASSES, CONNECT):
        os.umask(CLUSTER_UMASK)
        command, environment = _spark_command(settings, part), spark_environment(settings)
        environment["SPARK_MASTER_OPTS"] = MASTER_OPTIONS
    elif part == GATEWAY:
        _require_elsewhere(settings)
        command, environment = [str(BIN / "assay"), "gateway", "serve"], {}
    else:
        _require_elsewhere(settings)
        if part == "scheduler":  # the API server is up by then, see docker-compose.yaml
            refuse_shared_storage(settings)
            ensure_pool(settings)
        command = [str(BIN / "airflow"), part, *QUIET.get(part, [])]
        environment = airflow_environment(settings)
    os.chdir(folder)
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
    if not settings.spark_master.startswith("spark://"):
        raise StackError(f"{part} needs ASSAY_SPARK_MASTER, such as spark://spark-master:7077")
    if part == CONNECT:
        return server_command(
            settings, settings.spark_master, (_address_for_clients(), CONNECT_PORT)
        )
    host, _, port = settings.spark_master.removeprefix("spark://").rpartition(":")
    command = [str(SPARK_HOME / "bin" / "spark-class"), SPARK_CLASSES[part]]
    if part == "spark-master":
        return [*command, "--host", host, "--port", port, "--webui-port", str(MASTER_PAGE)]
    work = settings.home / "tmp" / "workers" / socket.gethostname()
    work.mkdir(parents=True, exist_ok=True)
    here = ["--host", socket.gethostname(), "--work-dir", str(work)]
    return [*command, *here, settings.spark_master]


def _address_for_clients() -> str:
    """The only address that the server may listen on: it runs the code of whoever reaches it."""
    try:
        return socket.gethostbyname(CONNECT_NAME)
    except OSError as error:
        raise StackError(
            f"{CONNECT} has no address of the name {CONNECT_NAME} ({error}); give it that name in a"
            " network that Spark's workers are not in"
        ) from error


def _require_elsewhere(settings: Settings) -> None:
    if not settings.runs_elsewhere:
        raise StackError(
            "this is for stacks in containers: set ASSAY_POSTGRES and ASSAY_AIRFLOW, "
            "or start the embedded stack with make up"
        )

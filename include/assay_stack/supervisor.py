"""Starting, stopping and watching the whole embedded stack."""

from __future__ import annotations

import errno
import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import psycopg

from assay.airflow_client.api import airflow_url
from assay.errors import StackError
from assay.gateway.address import gateway_url, is_well
from assay.home.dsn import dsn
from assay.home.ports import choose_ports, load_ports
from assay.home.postgres_place import used_outside
from assay.home.processes import end_orphans, end_processes, find_ours, find_supervisor
from assay.kafka.access import kafka_access
from assay.kafka.admin import answers as kafka_answers
from assay.settings import Settings
from assay.spark_runtime.conf import prepare_spark
from assay.spark_runtime.server import is_ready
from assay.storage.file_system import refuse_shared_storage
from assay.storage.lake_claim import claim_at_start
from assay.words import Say
from assay_stack.airflow import ensure_pool, prepare_airflow, unhealthy_parts
from assay_stack.kafka import KAFKA, prepare_kafka
from assay_stack.postgres import answers, ensure_cluster, ensure_databases
from assay_stack.preflight import NEEDED_DISK, require_machine
from assay_stack.programs import (
    AIRFLOW_PROGRAMS,
    GATEWAY,
    SPARK_PROGRAMS,
    ProgramState,
    log_file,
    program_states,
    programs_of,
    start_program,
    start_supervisor,
)

BOOT_SECONDS = 300.0
STOP_SECONDS = 200.0


@dataclass(frozen=True)
class StackStatus:
    """What runs, and where. `unhealthy` names the parts that do not report to be well.

    `gateway` and `kafka` are their addresses, or empty. `outside` is the folder besides the home
    that a full reset removes, or empty.
    """

    up: bool
    airflow: str
    postgres: str
    gateway: str
    kafka: str
    programs: list[ProgramState]
    unhealthy: list[str]
    outside: str


def up(settings: Settings, say: Say) -> None:
    """Start everything that does not run yet; return when all of it is healthy."""
    _require_ours(settings)
    with _stack_lock(settings), _disk_full_explained(settings):
        require_machine(settings)
        refuse_shared_storage(settings)
        claim_at_start(settings)
        prepare_spark(settings, say)
        prepare_kafka(settings, say)
        if not find_supervisor(settings):
            if end_orphans(settings):
                say("ended processes that an earlier stack left behind")
            # What killed jobs have left; nothing of ours runs now that could need it.
            shutil.rmtree(settings.home / "tmp", ignore_errors=True)
            choose_ports(settings, say)
            ensure_cluster(settings)
            start_supervisor(settings)
        _start_postgres(settings, say)
        _start_kafka(settings, say)
        _start_airflow(settings, say)
        _start_gateway(settings, say)


def down(settings: Settings, say: Say) -> None:
    """Stop everything; when it returns, no process of the stack is left."""
    _require_ours(settings)
    with _stack_lock(settings):
        supervisor = find_supervisor(settings)
        if supervisor:
            say("stopping all parts, Postgres last")
            family = find_ours(settings)
            supervisor.terminate()
            _, stubborn = psutil.wait_procs([supervisor], timeout=STOP_SECONDS)
            end_processes([*stubborn, *family])
        orphans = end_orphans(settings)
        say("everything is stopped" if supervisor or orphans else "nothing was running")


def status(settings: Settings) -> StackStatus:
    """What runs now."""
    _require_ours(settings)
    running = find_supervisor(settings) is not None
    known = (settings.home / "ports.json").exists()
    states = program_states(settings) if running else {}
    unhealthy = unhealthy_parts(settings) if running else list(AIRFLOW_PROGRAMS)
    named = programs_of(settings)
    if GATEWAY not in named and GATEWAY in states and states[GATEWAY].state != "STOPPED":
        named = (*named, GATEWAY)  # of a start that was asked for one
    stopped = [name for name in named if name not in states or states[name].state != "RUNNING"]
    return StackStatus(
        up=not stopped and not unhealthy,
        airflow=airflow_url(settings) if known else "",
        postgres=f"127.0.0.1:{load_ports(settings)['postgres']}" if known else "",
        gateway=gateway_url(settings) if GATEWAY in named else "",
        kafka=kafka_access(settings).bootstrap_servers if known and settings.uses_kafka else "",
        programs=[states[name] for name in named if name in states],
        unhealthy=sorted({*stopped, *unhealthy}),
        outside=str(used_outside(settings) or ""),
    )


def _start_postgres(settings: Settings, say: Say) -> None:
    if start_program(settings, "postgres"):
        say(f"starting Postgres on port {load_ports(settings)['postgres']}")
    _wait(settings, lambda: answers(settings), ["postgres"])
    ensure_databases(settings)
    migrate_warehouse(settings, say)


def _start_kafka(settings: Settings, say: Say) -> None:
    """Have our own broker up, where there is one."""
    if not settings.own_broker:
        return
    if start_program(settings, KAFKA):
        say(f"starting Kafka on port {load_ports(settings)[KAFKA]}")
    _wait(settings, lambda: kafka_answers(kafka_access(settings)), [KAFKA])


def migrate_warehouse(settings: Settings, say: Say) -> None:
    """Bring the database assay to what migrations and contracts say."""
    # Migrations belong to the warehouse, not to the stack: only a start needs them.
    from assay.serving.evolution import evolve_tables
    from assay.serving.migrations import migrate

    with psycopg.connect(dsn(settings, "assay_owner")) as connection:
        applied = migrate(connection)
        made = evolve_tables(connection)
    if applied:
        say(f"applied {len(applied)} migrations")
    if made:
        say(f"made {', '.join(made)} in Postgres, as the contracts say")


def _start_airflow(settings: Settings, say: Say) -> None:
    prepare_airflow(settings, say)
    # First alone: a task that the scheduler starts before the API server listens would fail.
    if start_program(settings, "api-server"):
        say(f"starting Airflow on {airflow_url(settings)}")
    _wait(settings, lambda: "api-server" not in unhealthy_parts(settings), ["api-server"])
    ensure_pool(settings)
    start_spark(settings, say)
    for name in AIRFLOW_PROGRAMS:
        start_program(settings, name)
    _wait(settings, lambda: not unhealthy_parts(settings), AIRFLOW_PROGRAMS)


def start_spark(settings: Settings, say: Say) -> None:
    """Have the warm Spark up, where jobs use one."""
    if not settings.is_warm:
        return
    started = [start_program(settings, name) for name in SPARK_PROGRAMS]
    if any(started):
        say(f"starting Spark on port {load_ports(settings)['spark']}")
    _wait(settings, lambda: is_ready(settings), SPARK_PROGRAMS)


def _start_gateway(settings: Settings, say: Say) -> None:
    """Have the HTTP gateway up, where one is asked for."""
    if not settings.gateway:
        return
    if GATEWAY not in program_states(settings):
        raise StackError("this stack was started before it had a gateway; run make down, make up")
    if start_program(settings, GATEWAY):
        say(f"starting the gateway on {gateway_url(settings)}")
    _wait(settings, lambda: is_well(settings), [GATEWAY])


def _wait(settings: Settings, ready: Callable[[], bool], names: Sequence[str]) -> None:
    """Wait until ready, unless one of the programs gives up first."""
    deadline = time.monotonic() + BOOT_SECONDS
    while not ready():
        states = program_states(settings)
        for name in names:
            if states[name].state == "FATAL":
                raise StackError(_last_words(settings, name, "ended again and again"))
        if time.monotonic() > deadline:
            raise StackError(_last_words(settings, names[0], f"not well in {BOOT_SECONDS:.0f} s"))
        time.sleep(0.25)


def _last_words(settings: Settings, name: str, what: str) -> str:
    log = log_file(settings, name)
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    last = next((line for line in reversed(lines) if line.strip()), "it wrote nothing")
    return f"{name}: {what}; last line: {last.strip()[:300]} (all of it: {log})"


def _require_ours(settings: Settings) -> None:
    if settings.runs_elsewhere:
        raise StackError("ASSAY_AIRFLOW names a stack in containers: use docker compose up or down")


@contextmanager
def _stack_lock(settings: Settings) -> Iterator[None]:
    """One start or stop at a time."""
    settings.locks.mkdir(parents=True, exist_ok=True)
    with (settings.locks / "stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _disk_full_explained(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StackError(
            f"the disk of {settings.home} is full; free {NEEDED_DISK >> 30} GB and try again"
        ) from error

"""What the supervisor runs: its configuration file, and the calls to it."""

from __future__ import annotations

import getpass
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from assay.errors import StackError
from assay.home.paths import BIN, child_environment
from assay.home.ports import load_ports
from assay.home.postgres_place import server_user
from assay.home.processes import marker, short_socket, working_folder
from assay.settings import JOB_PROGRAMS, Settings
from assay.spark_runtime.server import clients_socket
from assay.storage.files import write_whole
from assay_stack.airflow import airflow_environment
from assay_stack.kafka import KAFKA
from assay_stack.postgres import server_command

SOCKET = "supervisor.sock"
AIRFLOW_PROGRAMS = ("api-server", "scheduler", "dag-processor", "triggerer")
GATEWAY = "gateway"
SPARK, CLIENTS = SPARK_PROGRAMS = ("spark", "spark-clients")
# Log servers listen on all interfaces, and are only of use to workers on other machines.
QUIET = {"scheduler": ["--skip-serve-logs"], "triggerer": ["--skip-serve-logs"]}
HEAD = """\
[unix_http_server]
file={socket}
chmod=0700
[supervisord]
pidfile={run}/supervisord.pid
logfile={logs}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
childlogdir={logs}
directory={here}
identifier=assay
{user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """\
[program:{name}]
command={command}
directory={directory}
priority={priority}
autostart=false
autorestart=true
startsecs=1
startretries=3
stopsignal={stop_signal}
stopwaitsecs={patience}
stopasgroup={group}
killasgroup={group}
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=1
{user}
"""


@dataclass(frozen=True)
class ProgramState:
    """One program as the supervisor sees it."""

    name: str
    state: str
    pid: int
    seconds_up: int


def log_file(settings: Settings, program: str) -> Path:
    return settings.logs / f"{program}.log"


def start_supervisor(settings: Settings) -> None:
    """Write its configuration, without secrets, and start it with nothing running yet."""
    here = working_folder(settings)
    here.mkdir(parents=True, exist_ok=True)
    settings.logs.mkdir(parents=True, exist_ok=True)
    config = settings.home / "run" / "supervisord.conf"
    write_whole(config, _configuration(settings), mode=0o600)
    done = subprocess.run(  # noqa: S603
        [BIN / "supervisord", "-c", config],
        env=child_environment({**airflow_environment(settings), **marker(settings)}),
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise StackError(f"the supervisor did not start: {last}; see {settings.logs}")


def _configuration(settings: Settings) -> str:
    head = HEAD.format(
        socket=_escape(short_socket(settings, SOCKET)),
        run=_escape(settings.home / "run"),
        logs=_escape(settings.logs),
        here=_escape(working_folder(settings)),
        user=f"user={getpass.getuser()}" if os.geteuid() == 0 else "",
    )
    server = server_command(settings, load_ports(settings)["postgres"])
    user = server_user()
    postgres = PROGRAM.format(
        name="postgres",
        command=_escape(shlex.join(server)),
        directory="/",
        priority=1,
        stop_signal="INT",
        patience=60,
        group="false",
        log=_escape(log_file(settings, "postgres")),
        user=f"user={user}" if user else "",
    )
    airflow = [
        PROGRAM.format(
            name=name,
            command=_escape(shlex.join([str(BIN / "airflow"), name, *QUIET.get(name, [])])),
            directory=_escape(working_folder(settings)),
            priority=10 + number,
            stop_signal="TERM",
            patience=30,
            # The scheduler alone would wait for its jobs; asked with it, they end in a second.
            group="true",
            log=_escape(log_file(settings, name)),
            user="",
        )
        for number, name in enumerate(AIRFLOW_PROGRAMS)
    ]
    parts = [head, postgres, *_kafka(settings), *_spark(settings), *airflow, _gateway(settings)]
    return "\n".join(parts)


def programs_of(settings: Settings) -> tuple[str, ...]:
    """What the supervisor of this stack runs, in the order of their start."""
    kafka = (KAFKA,) if settings.own_broker else ()
    spark = SPARK_PROGRAMS if settings.is_warm else ()
    gateway = (GATEWAY,) if settings.gateway else ()
    return ("postgres", *kafka, *spark, *AIRFLOW_PROGRAMS, *gateway)


def _gateway(settings: Settings) -> str:
    """The HTTP gateway. It is always known, so that a stack that is up can be given one."""
    return PROGRAM.format(
        name=GATEWAY,
        command=_escape(shlex.join([str(BIN / "assay"), "gateway", "serve"])),
        directory=_escape(working_folder(settings)),
        priority=20,
        stop_signal="TERM",
        patience=30,
        group="true",
        log=_escape(log_file(settings, GATEWAY)),
        user="",
    )


def _kafka(settings: Settings) -> list[str]:
    """Our own broker; it stops after all that may still send to it or read from it."""
    return [
        PROGRAM.format(
            name=KAFKA,
            command=_escape(shlex.join([sys.executable, "-m", "assay_stack.kafka"])),
            directory=_escape(working_folder(settings)),
            priority=2,
            stop_signal="TERM",
            patience=30,
            group="true",
            log=_escape(log_file(settings, KAFKA)),
            user="",
        )
        for _ in range(settings.own_broker)
    ]


def _spark(settings: Settings) -> list[str]:
    """The warm server, and the host of its clients."""
    host = [str(JOB_PROGRAMS / "client_host.py"), str(clients_socket(settings))]
    commands = {SPARK: ["-m", "assay.spark_runtime.server"], CLIENTS: host}
    return [
        PROGRAM.format(
            name=name,
            command=_escape(shlex.join([sys.executable, *commands[name]])),
            directory=_escape(working_folder(settings)),
            priority=5,
            stop_signal="TERM",
            patience=30,
            group="true",
            log=_escape(log_file(settings, name)),
            user="",
        )
        for name in (SPARK_PROGRAMS if settings.is_warm else ())
    ]


def _escape(value: object) -> str:
    return str(value).replace("%", "%%")


def call_supervisor(settings: Settings, method: str, *arguments: Any) -> Any:
    """One call of the supervisor's API."""
    transport = SupervisorTransport(None, None, f"unix://{short_socket(settings, SOCKET)}")
    try:
        with ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)
    except OSError as error:
        raise StackError(f"the supervisor does not answer ({error}); run make down") from error


def program_states(settings: Settings) -> dict[str, ProgramState]:
    """State of every program, by name."""
    return {
        facts["name"]: ProgramState(
            facts["name"], facts["statename"], facts["pid"], _seconds_up(facts)
        )
        for facts in call_supervisor(settings, "getAllProcessInfo")
    }


def _seconds_up(facts: Mapping[str, Any]) -> int:
    """A program that never ran began in 1970, as the supervisor tells it."""
    return max(0, facts["now"] - facts["start"]) if facts["start"] else 0


def start_program(settings: Settings, name: str) -> bool:
    """Start a program. One that runs already is left alone: False."""
    states = program_states(settings)
    if name not in states:
        raise StackError(f"the stack was started without {name}; run make down, then make up")
    if states[name].state in ("RUNNING", "STARTING"):
        return False
    try:
        call_supervisor(settings, "startProcess", name, False)
    except Fault as fault:
        raise StackError(
            f"{name} did not start: {fault.faultString}; see {log_file(settings, name)}"
        ) from fault
    return True

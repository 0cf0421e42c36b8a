"""The Connect server of a stack, which all jobs share.

That of the embedded stack, the warm Spark, listens on loopback, and takes work from those alone who
can read the stack's secrets. That of a stack in containers is a part of its own (`service`).
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import psutil

from assay.environment import Address
from assay.errors import StackError
from assay.home.credentials import load_credentials
from assay.home.paths import BIN, child_environment, without_secrets
from assay.home.ports import load_ports
from assay.home.processes import end_processes, short_socket, working_folder
from assay.settings import JOB_PROGRAMS, LOOPBACK, Settings, load_settings
from assay.spark_runtime.conf import spark_environment, submit_conf
from assay.storage.files import write_whole

NAME = "assay"  # of the application; healthy.sh asks the master for it
PROGRAM = str(JOB_PROGRAMS / "connect_server.py")
TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # noqa: S105  # the name of a variable
# Sessions share the code that Spark generates and compiles for their queries: a pipeline's batch
# has up to 200 classes, and the next one finds them.
SHARED_CODE = {
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.sql.artifact.isolation.enabled": "false",
    "spark.sql.artifact.isolation.alwaysApplyClassloader": "false",
    "spark.sql.codegen.cache.maxEntries": "2000",
}
# Jobs of one pipeline do not wait until those of another are through.
FAIR = """\
<?xml version="1.0"?>
<allocations>
  <pool name="default">
    <schedulingMode>FAIR</schedulingMode> <minShare>0</minShare> <weight>1</weight>
  </pool>
</allocations>
"""


def remote_of(settings: Settings) -> str:
    """Where a job finds its Spark server. With a token, Spark wants the name, not the number."""
    if not settings.is_warm:
        return settings.spark_remote
    return f"sc://localhost:{load_ports(settings)['spark']}"


def access(settings: Settings) -> Mapping[str, str]:
    """What a client of the server needs in its environment. Holds a secret."""
    remote = {"SPARK_REMOTE": remote_of(settings)}
    return {**remote, TOKEN: load_credentials(settings)["spark"]} if settings.is_warm else remote


def is_listening(settings: Settings) -> bool:
    """Whether the server of this home takes connections."""
    with closing(socket.socket()) as server:
        server.settimeout(1)
        return server.connect_ex((LOOPBACK, load_ports(settings)["spark"])) == 0


def is_ready(settings: Settings) -> bool:
    """Whether the server and the host of its clients take connections."""
    with closing(socket.socket(socket.AF_UNIX)) as host:
        host.settimeout(1)
        return is_listening(settings) and host.connect_ex(str(clients_socket(settings))) == 0


def clients_socket(settings: Settings) -> Path:
    """Where `spark_jobs.programs.client_host` listens."""
    return short_socket(settings, "spark-clients.sock")


def run_in_host(settings: Settings, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program of `spark_jobs` as a fork of the host, with our output; its exit code.

    Raises StackError when the host does not answer.
    """
    asked = {"command": command, "environment": environment, "folder": str(Path.cwd())}
    request = json.dumps(asked).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as host:
        try:
            host.connect(str(clients_socket(settings)))
            sent = socket.send_fds(host, [request], [1, 2])
            host.sendall(request[sent:])
            answer = host.makefile().readline()
        except OSError as error:
            raise StackError(f"the host of Spark's clients does not answer ({error})") from error
    if not answer:
        raise StackError("the host of Spark's clients was ended; it starts again, so try again")
    return int(answer)


def find_server(settings: Settings) -> psutil.Process | None:
    """The living server of this home."""
    try:
        process = psutil.Process(int(_pid_file(settings).read_text()))
        return process if PROGRAM in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def is_due(settings: Settings) -> bool:
    """Whether the server has taken so much memory that it should start anew."""
    server = find_server(settings)
    return server is not None and server.memory_info().rss >= settings.server_limit


def end_server(settings: Settings) -> None:
    """End the server, which no job may be using; the supervisor starts it anew."""
    server = find_server(settings)
    if server:
        end_processes([server])


def _pid_file(settings: Settings) -> Path:
    return settings.home / "run" / "spark.pid"


def server_command(settings: Settings, master: str, listen: Address) -> list[str]:
    """What starts a server that takes the work of its clients at one address only."""
    pools = settings.home / "tmp" / "fairscheduler.xml"
    write_whole(pools, FAIR)
    conf = {
        **submit_conf(settings),
        **SHARED_CODE,
        "spark.connect.grpc.binding.address": listen[0],
        "spark.connect.grpc.binding.port": str(listen[1]),
        "spark.scheduler.mode": "FAIR",
        "spark.scheduler.allocation.file": pools.as_uri(),
    }
    options = [part for name, value in conf.items() for part in ("--conf", f"{name}={value}")]
    command = [str(BIN / "spark-submit"), "--name", NAME, "--master", master]
    return [*command, "--driver-memory", settings.driver_memory, *options, PROGRAM]


def main() -> None:
    """Become the server of the embedded stack."""
    settings = load_settings()
    write_whole(_pid_file(settings), str(os.getpid()))
    command = server_command(settings, "local[*]", (LOOPBACK, load_ports(settings)["spark"]))
    environment = without_secrets(child_environment(spark_environment(settings)))
    os.chdir(working_folder(settings))
    environment[TOKEN] = load_credentials(settings)["spark"]
    os.execve(command[0], command, environment)  # noqa: S606


if __name__ == "__main__":
    main()

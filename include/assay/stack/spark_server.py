"""The warm Spark of the embedded stack: one Connect server, which all jobs share.

It listens on loopback, and takes work from those alone who can read the stack's secrets.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from assay.files import write_whole
from assay.settings import LOOPBACK, Settings, load_settings
from assay.stack.credentials import load_credentials
from assay.stack.paths import BIN, child_environment, without_secrets
from assay.stack.ports import load_ports
from assay.stack.spark import spark_environment, submit_conf

CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # noqa: S105  # the name of a variable
# Jobs of one pipeline do not wait until those of another are through.
FAIR = """\
<?xml version="1.0"?>
<allocations><pool name="default"><schedulingMode>FAIR</schedulingMode></pool></allocations>
"""


def remote_of(settings: Settings) -> str:
    """Where a job finds its Spark server. With a token, Spark wants the name, not the number."""
    if not settings.is_warm:
        return settings.spark_master
    return f"sc://localhost:{load_ports(settings)['spark']}"


def access(settings: Settings) -> Mapping[str, str]:
    """What a client of the server needs in its environment. Holds a secret."""
    remote = {"SPARK_REMOTE": remote_of(settings)}
    return {**remote, TOKEN: load_credentials(settings)["spark"]} if settings.is_warm else remote


def is_listening(settings: Settings) -> bool:
    """Whether the server of this home takes connections."""
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, load_ports(settings)["spark"])) == 0


def main() -> None:
    """Become the server."""
    settings = load_settings()
    pools = settings.home / "run" / "fairscheduler.xml"
    write_whole(pools, FAIR)
    conf = {
        **submit_conf(settings),
        "spark.connect.grpc.binding.address": LOOPBACK,
        "spark.connect.grpc.binding.port": str(load_ports(settings)["spark"]),
        "spark.scheduler.mode": "FAIR",
        "spark.scheduler.allocation.file": pools.as_uri(),
    }
    options = [part for name, value in conf.items() for part in ("--conf", f"{name}={value}")]
    program = str(BIN / "spark-submit")
    command = [program, "--class", CLASS, "--name", "assay", "--master", "local[*]"]
    command += ["--driver-memory", settings.driver_memory, *options]
    environment = without_secrets(child_environment(spark_environment(settings)))
    os.chdir(Path(settings.home) / "run" / "here")
    environment[TOKEN] = load_credentials(settings)["spark"]
    os.execve(program, command, environment)  # noqa: S606


if __name__ == "__main__":
    main()

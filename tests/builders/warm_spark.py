"""A warm Spark without the rest of the stack: the server and the host of its clients."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event

import psutil
from pyspark.sql.connect.session import SparkSession as RemoteSession

from assay.home.credentials import load_credentials
from assay.home.paths import child_environment
from assay.home.processes import working_folder
from assay.settings import JOB_PROGRAMS, Settings
from assay.spark_runtime.server import clients_socket, is_ready, remote_of
from builders.ports import free_port

PATIENCE = 120.0


@dataclass
class WarmSpark:
    """Both processes of one home; a test may end each, and start it again."""

    settings: Settings
    server: subprocess.Popen[bytes] = field(init=False)
    host: subprocess.Popen[bytes] = field(init=False)

    def clients(self) -> list[psutil.Process]:
        return psutil.Process(self.host.pid).children()

    def start_server(self) -> None:
        self.server = _start(self.settings, "server", "-m", "assay.spark_runtime.server")

    def start_host(self, restart_at: str = "") -> None:
        """Start the host, which has the server start anew at so much memory."""
        program = str(JOB_PROGRAMS / "client_host.py")
        settings = replace(self.settings, restart_at=restart_at)
        self.host = _start(settings, "host", program, str(clients_socket(settings)))

    def restart_host(self, restart_at: str = "") -> None:
        self.host.kill()
        self.host.wait()
        self.start_host(restart_at)
        self.wait()

    def kill_server(self) -> None:
        """As the kernel does for want of memory; the stand-in for the supervisor starts it anew."""
        self.server.kill()
        self.server.wait()
        self.start_server()

    @contextmanager
    def supervised_server(self) -> Iterator[None]:
        """Start the server anew whenever it ends, as the supervisor does."""
        over = Event()

        def supervise() -> None:
            while not over.wait(0.1):
                if self.server.poll() is not None:
                    self.start_server()

        with ThreadPoolExecutor(1) as threads:
            watching = threads.submit(supervise)
            try:
                yield
            finally:
                over.set()
                watching.result()

    def wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_ready(self.settings):
            assert self.server.poll() is None, self.log("server")
            assert self.host.poll() is None, self.log("host")
            assert time.monotonic() < deadline, "warm Spark does not start"
            time.sleep(0.1)

    def log(self, name: str) -> str:
        return (self.settings.logs / f"{name}.log").read_text(errors="replace")[-3000:]


@contextmanager
def warm_spark(settings: Settings) -> Iterator[WarmSpark]:
    """Both, listening; ended with the block."""
    working_folder(settings).mkdir(parents=True, exist_ok=True)
    settings.logs.mkdir(parents=True, exist_ok=True)
    (settings.home / "ports.json").write_text(json.dumps({"spark": free_port()}))
    warm = WarmSpark(settings)
    warm.start_server()
    warm.start_host()
    try:
        warm.wait()
        yield warm
    finally:
        for process in (warm.host, warm.server):
            process.kill()
            process.wait()


def connect(warm: WarmSpark, session_id: str) -> RemoteSession:
    """A session of the server, with its token."""
    token = load_credentials(warm.settings)["spark"]
    return RemoteSession(f"{remote_of(warm.settings)}/;session_id={session_id};token={token}")


def _start(settings: Settings, name: str, *command: str) -> subprocess.Popen[bytes]:
    given = {
        "ASSAY_HOME": str(settings.home),
        "ASSAY_SPARK_MASTER": settings.spark_master,
        "ASSAY_DRIVER_MEMORY": settings.driver_memory,
        "ASSAY_SPARK_RESTART_AT": settings.restart_at,
        "TZ": "UTC",
        "GX_ANALYTICS_ENABLED": "false",
    }
    with (settings.logs / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *command],
            env=child_environment(given),
            cwd=working_folder(settings),
            stdout=log,
            stderr=subprocess.STDOUT,
        )

"""A stack that has worked outlives its supervisor, and stops without leaving a process.

The last tests of the stack, for they end it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import httpx
import psutil
import pytest

from assay.airflow_client.api import airflow_url, api_client
from assay.home.credentials import load_credentials
from assay.home.processes import find_ours, find_postgres, find_supervisor, working_folder
from assay.settings import Settings
from assay.spark_runtime.conf import jobs_at_once
from assay.spark_runtime.server import find_server, is_ready
from assay_stack.airflow import SPARK_POOL, ensure_pool
from assay_stack.supervisor import down, status, up
from builders.running_stack import POLL_SECONDS, RunningStack

pytestmark = [pytest.mark.e2e, pytest.mark.long]

PATIENCE = 120.0
IGNORES_TERM = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"


def family(settings: Settings) -> list[psutil.Process]:
    supervisor = find_supervisor(settings)
    assert supervisor
    return [supervisor, *supervisor.children(recursive=True)]


def require_loopback_and_no_secrets(settings: Settings) -> None:
    listening, shown = [], (settings.home / "run" / "supervisord.conf").read_text()
    for process in family(settings):
        with suppress(psutil.NoSuchProcess):  # Airflow's have short-lived children
            shown += " ".join(process.cmdline())
            listening += [
                connection.laddr.ip
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            ]
    assert listening
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert not [name for name, secret in load_credentials(settings).items() if secret in shown]


def require_login(settings: Settings) -> None:
    with api_client(settings) as api:
        assert api.get("/api/v2/pools/spark").json()["slots"] == jobs_at_once(settings)
        assert api.get("/api/v2/config").status_code == httpx.codes.FORBIDDEN
    refused = httpx.post(
        f"{airflow_url(settings)}/auth/token",
        json={"username": "admin", "password": "guess"},  # pragma: allowlist secret
    )
    assert refused.status_code == httpx.codes.UNAUTHORIZED


def test_a_spark_server_that_is_killed_is_there_again(stack: RunningStack) -> None:
    server = find_server(stack.settings)
    assert server
    server.kill()
    deadline = time.monotonic() + PATIENCE
    while (anew := find_server(stack.settings)) in (None, server) or not is_ready(stack.settings):
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)
    assert anew
    assert anew.pid != server.pid
    assert status(stack.settings).up


def test_the_pool_follows_the_settings_until_somebody_edits_it(stack: RunningStack) -> None:
    def slots() -> int:
        found: int = stack.api.get("/api/v2/pools/spark").json()["slots"]
        return found

    def edit(slots: int) -> None:
        pool = {"pool": SPARK_POOL, "slots": slots, "include_deferred": False}
        stack.api.patch("/api/v2/pools/spark", json=pool).raise_for_status()

    settings = stack.settings
    for memory in ("2g", "8g"):
        given = replace(settings, driver_memory=memory)
        ensure_pool(given)
        assert slots() == jobs_at_once(given)
    edit(7)
    ensure_pool(settings)
    assert slots() == 7
    edit(jobs_at_once(given))  # what it was set to last, so nobody's any more
    ensure_pool(settings)
    assert slots() == jobs_at_once(settings)


def test_it_outlives_its_supervisor_and_stops_completely(stack: RunningStack) -> None:
    """With a job that does not want to end."""
    settings = stack.settings
    assert status(settings).up
    require_loopback_and_no_secrets(settings)
    require_login(settings)
    said: list[str] = []
    up(settings, said.append)
    assert said == []

    os.kill(family(settings)[0].pid, signal.SIGKILL)
    assert find_ours(settings)
    assert find_postgres(settings)
    up(settings, said.append)
    assert "left behind" in said[0]
    assert status(settings).up

    job = subprocess.Popen(
        [sys.executable, "-c", IGNORES_TERM], cwd=working_folder(settings), start_new_session=True
    )
    processes = family(settings)
    down(settings, print)
    assert not psutil.pid_exists(job.pid)
    assert not any(process.is_running() for process in processes)
    assert find_ours(settings) == []
    assert find_postgres(settings) is None
    assert not status(settings).up

"""The whole stack starts, survives rough treatment, and stops without leaving a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import httpx
import psutil
import pytest

from assay.settings import Settings
from assay.stack.airflow import airflow_url, api_client
from assay.stack.credentials import load_credentials
from assay.stack.processes import find_ours, find_postgres, find_supervisor, working_folder
from assay.stack.spark import jobs_at_once
from assay.stack.supervisor import down, status, up

IGNORES_TERM = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"


@pytest.fixture
def stack(spark_settings: Settings) -> Iterator[Settings]:
    up(spark_settings, print)
    yield spark_settings
    down(spark_settings, print)


def family(settings: Settings) -> list[psutil.Process]:
    supervisor = find_supervisor(settings)
    assert supervisor
    return [supervisor, *supervisor.children(recursive=True)]


def require_loopback_and_no_secrets(stack: Settings) -> None:
    listening, shown = [], (stack.home / "run" / "supervisord.conf").read_text()
    for process in family(stack):
        with suppress(psutil.NoSuchProcess):  # Airflow's have short-lived children
            shown += " ".join(process.cmdline())
            listening += [
                connection.laddr.ip
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            ]
    assert listening
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert not [name for name, secret in load_credentials(stack).items() if secret in shown]


def require_login(stack: Settings) -> None:
    with api_client(stack) as api:
        assert api.get("/api/v2/pools/spark").json()["slots"] == jobs_at_once(stack)
        assert api.get("/api/v2/config").status_code == httpx.codes.FORBIDDEN
    refused = httpx.post(
        f"{airflow_url(stack)}/auth/token",
        json={"username": "admin", "password": "guess"},  # pragma: allowlist secret
    )
    assert refused.status_code == httpx.codes.UNAUTHORIZED


def test_starts_outlives_its_supervisor_and_stops_completely(stack: Settings) -> None:
    """With a job that does not want to end."""
    assert status(stack).up
    require_loopback_and_no_secrets(stack)
    require_login(stack)
    said: list[str] = []
    up(stack, said.append)
    assert said == []

    os.kill(family(stack)[0].pid, signal.SIGKILL)
    assert find_ours(stack)
    assert find_postgres(stack)
    up(stack, said.append)
    assert "left behind" in said[0]
    assert status(stack).up

    job = subprocess.Popen(
        [sys.executable, "-c", IGNORES_TERM], cwd=working_folder(stack), start_new_session=True
    )
    processes = family(stack)
    down(stack, print)
    assert not psutil.pid_exists(job.pid)
    assert not any(process.is_running() for process in processes)
    assert find_ours(stack) == []
    assert find_postgres(stack) is None
    assert not status(stack).up


def test_a_stale_pid_file_is_no_supervisor(settings: Settings) -> None:
    (settings.home / "run").mkdir()
    for pid in (os.getpid(), 4_000_000):
        (settings.home / "run" / "supervisord.pid").write_text(f"{pid}\n")
        assert find_supervisor(settings) is None
    said: list[str] = []
    down(settings, said.append)
    assert said == ["nothing was running"]

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


def test_starts_listens_on_loopback_only_and_stops_completely(stack: Settings) -> None:
    now = status(stack)
    assert now.up, now
    processes = family(stack)

    listening, shown = [], ""
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # Airflow's have short-lived children
            shown += " ".join(process.cmdline())
            listening += [
                connection.laddr.ip
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            ]
    assert listening
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}

    with api_client(stack) as api:
        assert api.get("/api/v2/pools/spark").json()["slots"] == jobs_at_once(stack)
        assert api.get("/api/v2/config").status_code == httpx.codes.FORBIDDEN
    refused = httpx.post(
        f"{airflow_url(stack)}/auth/token",
        json={"username": "admin", "password": "guess"},  # pragma: allowlist secret
    )
    assert refused.status_code == httpx.codes.UNAUTHORIZED

    shown += (stack.home / "run" / "supervisord.conf").read_text()
    assert not [name for name, secret in load_credentials(stack).items() if secret in shown]

    said: list[str] = []
    up(stack, said.append)
    assert said == []

    down(stack, said.append)
    assert not any(process.is_running() for process in processes)
    assert find_ours(stack) == []
    assert find_postgres(stack) is None
    assert not status(stack).up


def test_a_killed_supervisor_is_replaced_and_a_stubborn_job_is_ended(stack: Settings) -> None:
    os.kill(family(stack)[0].pid, signal.SIGKILL)
    assert find_ours(stack)
    assert find_postgres(stack)
    said: list[str] = []
    up(stack, said.append)
    assert "left behind" in said[0]
    assert status(stack).up

    job = subprocess.Popen(
        [sys.executable, "-c", IGNORES_TERM], cwd=working_folder(stack), start_new_session=True
    )
    down(stack, print)
    assert not psutil.pid_exists(job.pid)
    assert find_ours(stack) == []


def test_a_stale_pid_file_is_no_supervisor(settings: Settings) -> None:
    (settings.home / "run").mkdir()
    for pid in (os.getpid(), 4_000_000):
        (settings.home / "run" / "supervisord.pid").write_text(f"{pid}\n")
        assert find_supervisor(settings) is None
    said: list[str] = []
    down(settings, said.append)
    assert said == ["nothing was running"]

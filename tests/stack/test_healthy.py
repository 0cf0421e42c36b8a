"""The health check believes what Airflow's API and the Spark master say, and nothing else."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from assay.settings import REPOSITORY
from assay_stack.others import MASTER_PAGE
from assay_stack.service import CONNECT_NAME, CONNECT_PORT

CHECK = REPOSITORY / "include" / "assay_stack" / "healthy.sh"
# Answers of Airflow 3.3 and Spark 4.2, shortened.
AIRFLOW = """{"metadatabase": {"status": "healthy"},
 "scheduler": {"status": "healthy", "latest_scheduler_heartbeat": "2026-11-21T18:00:00+00:00"},
 "triggerer": {"status": "unhealthy", "latest_triggerer_heartbeat": null},
 "dag_processor": {"status": "healthy", "latest_dag_processor_heartbeat": null}}"""


@contextmanager
def pages(known: Mapping[str, str]) -> Iterator[str]:
    """Address of a server that has these pages, by path."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in known else 404)
            self.end_headers()
            self.wfile.write(known.get(self.path, "").encode())

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def airflow() -> Iterator[str]:
    """Address of a server that answers as an Airflow whose triggerer is dead."""
    with pages({"/api/v2/monitor/health": AIRFLOW}) as address:
        yield address


def is_well(part: str, address: str) -> bool:
    environment = {"PATH": "/usr/bin:/bin", "ASSAY_AIRFLOW": address}
    return subprocess.run([CHECK, part], env=environment, capture_output=True).returncode == 0


def test_a_part_is_well_when_the_api_says_so(airflow: str) -> None:
    parts = ("api-server", "scheduler", "dag-processor", "triggerer")
    assert [is_well(part, airflow) for part in parts] == [True, True, True, False]


def check_server(master: str, port: int) -> subprocess.CompletedProcess[str]:
    """Check a Connect server on a port of loopback, whose master's page is at an address."""
    listens, page = f"/dev/tcp/{CONNECT_NAME}/{CONNECT_PORT}", rf"\1:{MASTER_PAGE}"
    script = CHECK.read_text()
    assert listens in script
    assert page in script
    script = script.replace(listens, f"/dev/tcp/127.0.0.1/{port}").replace(page, master)
    return subprocess.run(
        ["bash", "-c", f"kill() {{ echo ended $1; }}\n{script}", "healthy.sh", "spark-connect"],
        env={"PATH": "/usr/bin:/bin", "ASSAY_SPARK_MASTER": "spark://spark-master:7077"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("apps", "status", "well", "ended"),
    [
        ('"activeapps": [{"name": "assay"}], "completedapps": []', "ALIVE", True, ""),
        ('"activeapps": [], "completedapps": [{"name": "assay"}]', "ALIVE", False, "ended 1\n"),
        ('"activeapps": [], "completedapps": []', "RECOVERING", False, ""),
    ],
)
def test_a_server_that_its_master_has_forgotten_is_ended(
    apps: str, status: str, well: bool, ended: str
) -> None:
    with pages({"/json/": f'{{"workers": [], {apps}, "status": "{status}"}}'}) as master:
        checked = check_server(master, int(master.rpartition(":")[2]))
    assert (checked.returncode == 0) == well
    assert checked.stdout == ended


def test_a_server_that_does_not_listen_yet_is_left_to_start() -> None:
    known = '{"activeapps": [], "completedapps": [], "status": "ALIVE"}'
    with pages({"/json/": known}) as master, closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        checked = check_server(master, taken.getsockname()[1])
    assert checked.returncode == 1
    assert checked.stdout == ""


def test_silence_is_not_well() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        assert not is_well("api-server", f"127.0.0.1:{taken.getsockname()[1]}")

"""The health check believes what Airflow's API and the Spark master say, and nothing else."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from assay.settings import REPOSITORY

CHECK = REPOSITORY / "include" / "assay" / "stack" / "healthy.sh"
# Answers of Airflow 3.3 and Spark 4.2, shortened.
AIRFLOW = """{"metadatabase": {"status": "healthy"},
 "scheduler": {"status": "healthy", "latest_scheduler_heartbeat": "2026-11-21T18:00:00+00:00"},
 "triggerer": {"status": "unhealthy", "latest_triggerer_heartbeat": null},
 "dag_processor": {"status": "healthy", "latest_dag_processor_heartbeat": null}}"""


@pytest.fixture(scope="module")
def airflow() -> Iterator[str]:
    """Address of a server that answers as an Airflow whose triggerer is dead."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.end_headers()
            self.wfile.write(AIRFLOW.encode())

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def is_well(part: str, address: str) -> bool:
    environment = {"PATH": "/usr/bin:/bin", "ASSAY_AIRFLOW": address}
    return subprocess.run([CHECK, part], env=environment, capture_output=True).returncode == 0


def test_a_part_is_well_when_the_api_says_so(airflow: str) -> None:
    parts = ("api-server", "scheduler", "dag-processor", "triggerer")
    assert [is_well(part, airflow) for part in parts] == [True, True, True, False]


def test_silence_is_not_well() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        assert not is_well("api-server", f"127.0.0.1:{taken.getsockname()[1]}")

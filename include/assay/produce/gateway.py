"""Requests to the HTTP gateway: JSON lines, repeated under the same key until they are taken."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping

import httpx

from assay.errors import GatewayRefusedError
from assay.produce.events import Piece
from assay.produce.targets import Delivered, stamped
from assay.words import on_one_line

KEY = "ASSAY_GATEWAY_KEY"
PATIENCE = 120.0
LONGEST_WAIT = 30.0
BUSY = (429, 503)


class Gateway:
    """One request a hand-over. Raises GatewayRefusedError when it is refused, or not answered.

    A body without one JSON object would be refused, so broken records wait for one that is whole;
    those behind the last whole one of a run are not sent.
    """

    interval = 0.1
    as_json = True

    def __init__(
        self,
        address: str,
        dataset: str,
        *,
        stamp: bool,
        environ: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not environ.get(KEY):
            raise GatewayRefusedError(
                f"{KEY} is not set; assay gateway key add prints a key, once, to put there"
            )
        self.url, self.stamp, self.sleep = f"{address}/v1/datasets/{dataset}/events", stamp, sleep
        self.done = Delivered()
        self.waiting: list[str] = []
        self.client = httpx.Client(
            timeout=30.0,
            headers={
                "Authorization": f"Bearer {environ[KEY]}",
                "Content-Type": "application/x-ndjson",
            },
        )

    def send(self, events: Piece, made_us: int) -> None:
        lines = stamped(events, made_us) if self.stamp else events.lines
        first = events.first - len(self.waiting)
        self.waiting += lines
        if any(_is_object(line) for line in lines):
            self._post("\n".join(self.waiting).encode() + b"\n")
            self.done.add(first, events.first + len(lines) - 1)
            self.waiting.clear()

    def finish(self) -> None:
        self.client.close()

    def delivered(self) -> Iterator[tuple[int, int]]:
        yield from self.done.ranges

    def _post(self, body: bytes) -> None:
        """Ask until it is taken: the key makes a repeat the same request, whatever was heard."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self.client.post(self.url, content=body, headers=headers)
            except httpx.TransportError as error:
                if not self.done.ranges:  # it was never there: no outage, but a wrong address
                    raise GatewayRefusedError(
                        f"{self.url} does not answer ({error}); start it, or correct --url"
                    ) from error
                wait, cause = 1.0, f"does not answer ({error})"
            else:
                if answer.is_success:
                    return
                self._require_busy(answer)
                wait, cause = _wait_of(answer), f"is too busy ({answer.status_code})"
            if time.monotonic() + wait > deadline:
                raise GatewayRefusedError(f"{self.url} {cause}, for {PATIENCE:.0f} s")
            self.sleep(wait)

    def _require_busy(self, answer: httpx.Response) -> None:
        if answer.status_code not in BUSY:
            raise GatewayRefusedError(
                f"{self.url} answers {answer.status_code}: {on_one_line(answer.text, 300)}"
            )


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _wait_of(answer: httpx.Response) -> float:
    """The seconds that it asks us to wait; one, when it names none that can be read."""
    text = answer.headers.get("Retry-After", "1")
    return min(float(text), LONGEST_WAIT) if text.replace(".", "", 1).isdecimal() else 1.0

"""Requests are repeated under one key until they are taken; here by a server that only answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from assay.errors import GatewayRefusedError
from assay.generate.recipes import recipe_of
from assay.produce.events import Piece
from assay.produce.gateway import KEY, Gateway
from builders.produced import Run

ANSWERS = {KEY: "the-key"}


class FakeGateway(HTTPServer):
    """Answers with the statuses that it is given, then with 202, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[tuple[int, str]] = []
        self.asked: list[tuple[dict[str, str], bytes, str, int]] = []


class _Handler(BaseHTTPRequestHandler):
    server: FakeGateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, retry = self.server.statuses.pop(0) if self.server.statuses else (202, "")
        self.server.asked.append((dict(self.headers), body, self.path, status))
        self.send_response(status)
        if retry:
            self.send_header("Retry-After", retry)
        self.end_headers()
        self.wfile.write(b'{"detail": "no such dataset"}' if status == 404 else b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def fake_gateway() -> Iterator[FakeGateway]:
    with FakeGateway() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def gateway(server: FakeGateway, waits: list[float], *, stamp: bool = False) -> Gateway:
    address = f"http://127.0.0.1:{server.server_port}"
    return Gateway(address, "ecommerce_events", stamp=stamp, environ=ANSWERS, sleep=waits.append)


def test_every_event_is_sent_as_a_line_of_json_under_the_key(
    run: Run, fake_gateway: FakeGateway
) -> None:
    done, truth = run(gateway(fake_gateway, [], stamp=True))
    headers, _, path, _ = fake_gateway.asked[0]
    assert path == "/v1/datasets/ecommerce_events/events"
    assert headers["Authorization"] == "Bearer the-key"
    lines = [line for _, body, _, _ in fake_gateway.asked for line in body.decode().splitlines()]
    assert len(lines) == done.sent == 300
    plain = [
        (json.loads(line), told)
        for line, told in zip(lines, truth, strict=True)
        if not told["reasons"]
    ]
    assert len(plain) == 270
    for sent, told in plain:
        assert sent["produced_at"] == told["produced_at"]
        assert sent.get("event_id") in ("", None, told["id"])
    broken = {reason for told in truth for reason in told["reasons"]}
    assert "record.malformed" in broken
    assert "record.repeated_header" not in broken


def test_a_busy_gateway_is_asked_again_when_it_says_and_under_the_same_key(
    run: Run, fake_gateway: FakeGateway
) -> None:
    fake_gateway.statuses = [(429, "7"), (503, "soon"), (202, ""), (503, "0.5")]
    waits: list[float] = []
    done, _ = run(gateway(fake_gateway, waits))
    assert waits == [7.0, 1.0, 0.5]
    keys = [headers["Idempotency-Key"] for headers, _, _, _ in fake_gateway.asked]
    assert keys[0] == keys[1] == keys[2] != keys[3] == keys[4]
    taken = [body for _, body, _, status in fake_gateway.asked if status == 202]
    assert sum(body.count(b"\n") for body in taken) == done.sent == 300
    assert done.unknown == 0


def test_a_refusal_ends_the_run_with_what_was_said(run: Run, fake_gateway: FakeGateway) -> None:
    fake_gateway.statuses = [(202, ""), (404, "")]
    with pytest.raises(GatewayRefusedError, match=r"answers 404: .*no such dataset"):
        run(gateway(fake_gateway, []))


def test_broken_records_wait_for_one_that_is_whole(fake_gateway: FakeGateway) -> None:
    """The gateway refuses a body without a single object."""
    target, layout = gateway(fake_gateway, []), recipe_of("ecommerce_events").layouts[0]
    for first, lines in enumerate([["{"], ["[]"], ['{"event_id": "a"}'], ["x"]]):
        target.send(Piece(layout, first, ["id"], lines), 0)
    target.finish()
    assert [body for _, body, _, _ in fake_gateway.asked] == [b'{\n[]\n{"event_id": "a"}\n']
    assert list(target.delivered()) == [(0, 2)]


def test_nobody_there_is_said_at_once(run: Run, fake_gateway: FakeGateway) -> None:
    nobody = Gateway("http://127.0.0.1:1", "stocks", stamp=False, environ=ANSWERS)
    with pytest.raises(GatewayRefusedError, match=r"does not answer .* correct --url"):
        run(nobody)


def test_a_key_that_is_not_set_is_named() -> None:
    with pytest.raises(GatewayRefusedError, match="ASSAY_GATEWAY_KEY is not set"):
        Gateway("http://127.0.0.1:1", "stocks", stamp=False, environ={})

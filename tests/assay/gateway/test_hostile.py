"""Hostile clients: what OpenAPI promises of any input, and what slow ones may cost others."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from assay.gateway.body import TYPES
from assay.settings import Settings
from builders.gateway import PATIENCE, Running, click, lines, make_good_key, quote, running_gateway

if TYPE_CHECKING:
    from conftest import Database

SECONDS, AT_ONCE = 40.0, 15
ASK = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*click("e"), *quote(1), "action", "details.sector", "EVENT_ID", ""])
RECORDS = st.dictionaries(NAMES, VALUES, max_size=6).map(json.dumps)
ODD = st.sampled_from(["[", "{", "sep=;", "\ufeff{}", '{"a":1,"a":2}', "NaN", '"', "\r", "<html>"])
BODIES = st.lists(RECORDS | VALUES.map(json.dumps) | ODD | st.text(), max_size=4).map("\n".join)
BYTES = st.binary(max_size=200) | BODIES.map(lambda text: text.encode("utf-8", "surrogatepass"))


def hostile_cases(url: str, key: str) -> Iterator[tuple[str, Any]]:
    """Every way to ask each route: as it is described, and as it is not."""
    for name in TYPES:
        if name != "application/json":
            schemathesis.openapi.media_type(name, BYTES)
            schemathesis.serializer(name)(_as_bytes)
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    for found in schema.get_all_operations():
        operation = found.ok()
        places: list[dict[str, str] | None] = [None]
        if operation.method == "post":
            places += [{"name": "stocks"}, {"name": "ecommerce_events"}]
        for mode in MODES:
            for place in places:
                cases = operation.as_strategy(generation_mode=mode, path_parameters=place)
                yield f"{operation.label} {mode.value} {place}", cases


def _as_bytes(_: Any, value: Any) -> Any:
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode()


@pytest.mark.long
def test_no_input_brings_an_answer_that_is_not_described(
    settings: Settings, database: Database
) -> None:
    key = make_good_key(database, "stocks", "ecommerce_events")
    seen: dict[int, int] = {}
    with running_gateway(settings, database) as gateway:
        ways = [*hostile_cases(gateway.url, key)]
        for number, (_, cases) in enumerate(ways):
            until = time.monotonic() + SECONDS / len(ways)
            with suppress(Unsatisfiable):  # what has no parameter cannot be asked for wrongly
                _ask(cases, key if number % 4 else "", until, seen)
        assert gateway.post(key, lines(quote(1))).status_code == 202
    assert {202, 400, 401, 404, 415, 422} <= {*seen}, seen


def _ask(cases: Any, key: str, until: float, seen: dict[int, int]) -> None:
    """A few questions at a time, for as long as there is time; the same in every run."""

    def ask(case: schemathesis.Case) -> None:
        if time.monotonic() > until:
            return
        headers = {"Authorization": key} if key else {}
        response = case.call(headers=headers, timeout=PATIENCE)
        seen[response.status_code] = seen.get(response.status_code, 0) + 1
        case.validate_response(response, checks=CHECKS)

    few = examples(
        max_examples=AT_ONCE,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    number = 0
    while time.monotonic() < until:
        seed(number)(few(given(case=cases)(ask)))()
        number += 1


def connected(gateway: Running, sent: bytes = b"") -> socket.socket:
    one = socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE)
    one.sendall(sent)
    return one


def head(key: str, length: int) -> bytes:
    """Of a request whose body is so long."""
    told = f"POST /v1/datasets/stocks/events HTTP/1.1\r\nHost: a\r\nAuthorization: {key}\r\n"
    told += f"Content-Type: application/x-ndjson\r\nContent-Length: {length}\r\n\r\n"
    return told.encode()


def drip(one: socket.socket, stop: threading.Event) -> None:
    """A byte of the body at a time, for as long as somebody takes it."""
    with suppress(OSError):
        while not stop.wait(0.1):
            one.sendall(b" ")


def connected_deaf(gateway: Running) -> socket.socket:
    """One that takes next to nothing of what it has asked for."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    one.settimeout(PATIENCE)
    one.connect(("127.0.0.1", gateway.port))
    return one


def ask_on(one: socket.socket, stop: threading.Event) -> None:
    """Ask for a long answer again and again, until nobody listens."""
    with suppress(OSError):
        while not stop.wait(0.02):
            one.sendall(ASK)


def until_it_ends(one: socket.socket) -> bytes:
    """All that comes until the other side has closed, however it does."""
    got = b""
    with suppress(ConnectionError):
        while part := one.recv(1 << 16):
            got += part
    return got


@pytest.mark.long
def test_slow_clients_cost_no_memory_and_others_no_time(
    settings: Settings, database: Database
) -> None:
    """500 that say nothing, some that drip, some that never read, and some that ask far ahead."""
    key = make_good_key(database)
    stop = threading.Event()
    with running_gateway(settings, database, read_seconds=2.0) as gateway, ExitStack() as ends:
        process = psutil.Process(gateway.process.pid)
        assert gateway.post(key, lines(quote(0))).status_code == 202
        before = process.memory_info().rss
        idle = [ends.enter_context(closing(connected(gateway))) for _ in range(500)]
        dripping = [connected(gateway, head(key, 1_000_000)) for _ in range(20)]
        threads = [threading.Thread(target=drip, args=[one, stop]) for one in dripping]
        deaf = [ends.enter_context(closing(connected_deaf(gateway))) for _ in range(20)]
        threads += [threading.Thread(target=ask_on, args=[one, stop]) for one in deaf]
        ahead = [connected(gateway, ASK * 5_000) for _ in range(20)]
        for thread in threads:
            thread.start()
        waits = []
        for number in range(1, 30):
            began = time.monotonic()
            assert gateway.post(key, lines(quote(number))).status_code == 202
            waits.append(time.monotonic() - began)
            time.sleep(0.1)
        grown = process.memory_info().rss - before
        answers = [until_it_ends(one) for one in dripping]
        stop.set()
        for thread in threads:
            thread.join()
        assert {*map(len, map(until_it_ends, idle))} == {0}  # let go after 10 s
        assert all(len(until_it_ends(one)) < 1 << 20 for one in ahead)  # of 40 MB
        assert gateway.post(key, lines(quote(31))).status_code == 202
        deadline = time.monotonic() + PATIENCE
        while len(process.net_connections("tcp")) > 10:  # the deaf too
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers)
    assert sorted(waits)[len(waits) // 2] < 1  # one may meet a machine that is busy
    assert grown < 64 << 20


def begun(gateway: Running, key: str, size: int) -> socket.socket:
    """A request that does not say how long it is, of which so many bytes have come."""
    told = f"POST /v1/datasets/stocks/events HTTP/1.1\r\nHost: a\r\nAuthorization: {key}\r\n"
    told += "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    return connected(gateway, f"{told}{size:x}\r\n".encode() + b" " * size + b"\r\n")


@pytest.mark.long
def test_one_key_that_sends_slowly_keeps_out_no_other(
    settings: Settings, database: Database
) -> None:
    slow, other = make_good_key(database, producer="slow"), make_good_key(database)
    with running_gateway(settings, database, read_seconds=60.0) as gateway, ExitStack() as ends:
        for _ in range(40):  # of 16 MB each they would be more than all the room
            ends.enter_context(closing(begun(gateway, slow, 1)))
        assert gateway.post(other, lines(quote(1))).status_code == 202
        assert gateway.post(slow, lines(quote(2))).status_code == 202
        many = [ends.enter_context(closing(begun(gateway, slow, 15 << 20))) for _ in range(4)]
        one = ends.enter_context(closing(begun(gateway, slow, 15 << 20)))  # more than a quarter
        answer = one.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 429"), answer
        assert b"retry-after: 1" in answer
        assert gateway.post(other, lines(quote(3))).status_code == 202
        for each in many:
            each.close()
        deadline = time.monotonic() + PATIENCE
        while gateway.post(slow, b" " * (15 << 20) + lines(quote(4))).status_code != 202:
            assert time.monotonic() < deadline
            time.sleep(0.2)

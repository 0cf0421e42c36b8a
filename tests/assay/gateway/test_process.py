"""A real gateway over HTTP: its answers, its limits, and `kill -9` wherever it hurts."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from assay.gateway.limits import Limits
from assay.settings import Settings
from builders.gateway import (
    PATIENCE,
    Running,
    delivered,
    landed,
    lines,
    make_good_key,
    quote,
    running_gateway,
)

if TYPE_CHECKING:
    from conftest import Database


def test_a_producer_gets_a_receipt_for_what_is_safe(settings: Settings, database: Database) -> None:
    """The smoke test of the gateway: what goes in by HTTP is in landing, and told of."""
    key = make_good_key(database, "stocks", "trades", "ecommerce_events")
    with running_gateway(settings, database) as gateway:
        answer = gateway.post(key, lines(quote(1), quote(2, price="x")), Idempotency_Key="a")
        assert answer.status_code == 202, answer.text
        told = answer.json()
        assert (told["accepted"], told["quarantine"], told["refused"]) == (2, 1, 0)
        assert told["records"] == [
            {"record": 2, "status": "quarantine", "reasons": ["price.unparseable"]}
        ]
        assert answer.headers["location"] == f"/v1/receipts/{told['receipt']}"
        again = gateway.post(key, lines(quote(1), quote(2, price="x")), Idempotency_Key="a")
        assert again.json() == told
        assert gateway.post(key, lines(quote(3)), Idempotency_Key="a").status_code == 422
        packed = gzip.compress(lines(quote(4)))
        assert gateway.post(key, packed, Content_Encoding="gzip").status_code == 202
        receipt = gateway.receipt(key, told["receipt"]).json()
        assert (receipt["state"], receipt["accepted"]) == ("accepted", 2)
        _refuses(gateway, key, database)
        assert httpx.get(f"{gateway.url}/health").json() == {"status": "ok"}
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(PATIENCE) in (0, -signal.SIGTERM)
    assert [record["stock_id"] for record in delivered(settings)] == [1, 2, 4, 5]


def _refuses(gateway: Running, key: str, database: Database) -> None:
    """What a good gateway does not take; of a strict request with a good record, that one."""
    strict = gateway.post(key, lines(quote(5), quote(6, price="x"), "x"), query="?strict=1")
    assert (strict.status_code, strict.json()["accepted"], strict.json()["refused"]) == (202, 1, 2)
    none = gateway.post(key, lines(quote(6, price="x")), query="?strict=1")
    assert (none.status_code, none.json()["receipt"]) == (422, None)
    other = make_good_key(database, producer="other")
    theirs = strict.json()["receipt"]
    assert gateway.receipt(other, theirs).status_code == 404
    assert gateway.receipt(key, "0" * 32).status_code == 404
    assert gateway.receipt("", theirs).status_code == 401
    slow = make_good_key(database, rate=1)
    with ThreadPoolExecutor(20) as pool:  # however slow the machine, more than one a second
        answers = [*pool.map(lambda _: gateway.post(slow, lines("x")), range(20))]
    over = [answer for answer in answers if answer.status_code == 429]
    assert over
    assert {answer.headers["retry-after"] for answer in over} == {"1"}
    for status, answer in (
        (401, gateway.post("", b"{}")),
        (403, gateway.post(key, b"{}", dataset="finance")),
        (400, gateway.post(key, b"{}", query="?strict=maybe")),
        (400, gateway.post(key, b"")),
        (400, gateway.post(key, lines(quote(1)), Idempotency_Key="a" * 201)),
        (415, gateway.post(key, b"{}", Content_Type="text/plain")),
        (415, gateway.post(key, b"stock_id\n1\n", Content_Type="text/csv")),
        (413, gateway.post(key, gzip.compress(bytes(100 << 20)), Content_Encoding="gzip")),
    ):
        assert answer.status_code == status, answer.text
        assert answer.json()["error"]
    _refuses_what_is_no_question(gateway, key)
    head = f"POST /v1/datasets/stocks/events HTTP/1.1\r\nAuthorization: {key}\r\n"
    head += f"Content-Type: text/csv\r\nContent-Length: {Limits().stored_bytes + 1}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as before_the_body:
        before_the_body.sendall(head.encode())
        assert before_the_body.recv(1_000).startswith(b"HTTP/1.1 413")


def _refuses_what_is_no_question(gateway: Running, key: str) -> None:
    """Who has no key learns nothing of receipts, also not how they are named."""
    url = f"{gateway.url}/v1/datasets/stocks/events"
    for status, answer in (
        (404, httpx.get(f"{gateway.url}/nowhere")),
        (405, httpx.get(url)),
        (405, httpx.post(f"{gateway.url}/health")),
        (401, gateway.receipt("", "x")),
        (404, gateway.receipt(key, "x")),
        (404, gateway.receipt(key, "x%00")),
    ):
        assert answer.status_code == status, answer.text
        assert [*answer.json()] == ["error"]
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as no_http:
        no_http.sendall(b"HELLO\r\n\r\n")
        head, _, body = no_http.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["error"]
    assert b"content-length: %d\r" % len(body) in head + b"\r"


@pytest.mark.long
def test_receipts_count_as_requests_and_keep_nobody_from_posting(
    settings: Settings, database: Database
) -> None:
    """A table that is locked stands for receipts that take long to be followed."""
    key, slow = make_good_key(database), make_good_key(database, rate=1)
    with running_gateway(settings, database) as gateway, ThreadPoolExecutor(20) as pool:
        receipt = gateway.post(key, lines(quote(1))).json()["receipt"]
        with database.connect() as locking:
            locking.execute("LOCK TABLE ops.stream_slice")
            asked = [pool.submit(gateway.receipt, key, receipt) for _ in range(10)]
            time.sleep(0.3)
            other = make_good_key(database, producer="other")  # not remembered: it is looked up
            posting = pool.submit(gateway.post, other, lines(quote(2)))
            assert posting.result(PATIENCE / 8).status_code == 202
            assert not any(each.done() for each in asked)
        assert {each.result().json()["state"] for each in asked} == {"accepted"}
        answers = [*pool.map(lambda _: gateway.receipt(slow, receipt), range(20))]
    over = [answer for answer in answers if answer.status_code == 429]
    assert over
    assert {answer.headers["retry-after"] for answer in over} == {"1"}


@pytest.mark.long
@pytest.mark.parametrize("point", ["spooled", "written", "handed_over"])
def test_kill_9_between_two_steps_loses_and_doubles_nothing(
    point: str, settings: Settings, database: Database
) -> None:
    key = make_good_key(database)
    body = lines(quote(1))
    with running_gateway(settings, database, failpoint=f"gateway.{point}") as gateway:
        with pytest.raises(httpx.HTTPError):
            gateway.post(key, body, Idempotency_Key="a")
        assert gateway.process.wait(PATIENCE) == -signal.SIGKILL
    with running_gateway(settings, database) as gateway:
        for _ in range(2):
            assert gateway.post(key, body, Idempotency_Key="a").status_code == 202
    assert [record["stock_id"] for record in delivered(settings)] == [1]


@pytest.mark.long
def test_kill_9_at_any_moment_loses_and_doubles_nothing(
    settings: Settings, database: Database
) -> None:
    """Producers send again until they have a receipt; the gateway is killed six times."""
    key = make_good_key(database)
    numbers = iter(range(1_000_000))
    sent: list[int] = []

    def produce(gateway: Running, until: float) -> list[int]:
        """Numbers that have no receipt yet."""
        while time.monotonic() < until:
            sent.append(number := next(numbers))
            try:
                answer = gateway.post(key, lines(quote(number)), Idempotency_Key=str(number))
            except httpx.HTTPError:
                return [number]
            if answer.status_code != 202:
                return [number]
        return []

    owed: list[int] = []
    for round_number in range(6):
        with running_gateway(settings, database) as gateway, ThreadPoolExecutor(8) as pool:
            for number in owed:
                answer = gateway.post(key, lines(quote(number)), Idempotency_Key=str(number))
                assert answer.status_code == 202
            until = time.monotonic() + 10
            left = [pool.submit(produce, gateway, until) for _ in range(8)]
            time.sleep(0.3 + 0.07 * round_number)
            gateway.kill()
            owed = [number for each in left for number in each.result()]
    with running_gateway(settings, database) as gateway:
        for number in owed:
            gateway.post(key, lines(quote(number)), Idempotency_Key=str(number))
    assert sorted(record["stock_id"] for record in delivered(settings)) == sorted(sent)
    assert len(sent) > 100


@pytest.mark.long
def test_slow_clients_are_let_go_and_hold_nobody_up(settings: Settings, database: Database) -> None:
    key = make_good_key(database)
    with running_gateway(settings, database, read_seconds=1.0) as gateway:
        slow = [
            socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE)
            for _ in range(50)
        ]
        for number, one in enumerate(slow):
            head = f"POST /v1/datasets/stocks/events HTTP/1.1\r\nAuthorization: {key}\r\n"
            head += "Content-Type: application/x-ndjson\r\nContent-Length: 100\r\n"
            one.sendall(f"{head}\r\n".encode() if number % 2 else head.encode())
        began = time.monotonic()
        assert gateway.post(key, lines(quote(1))).status_code == 202
        assert time.monotonic() - began < 1
        assert slow[1].recv(1_000).startswith(b"HTTP/1.1 408")
        assert slow[0].recv(1_000) == b""  # its head never ended
        endless = socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE)
        with suppress(OSError):  # reset or broken pipe, as it comes
            endless.sendall(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2_000_000)
            assert endless.recv(1_000) == b""
        for one in (*slow, endless):
            one.close()


@pytest.mark.long
def test_while_the_books_are_away_nothing_is_promised(
    settings: Settings, database: Database, postgres: Database
) -> None:
    key = make_good_key(database)
    refuse = f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS "
    with running_gateway(settings, database) as gateway:
        assert gateway.post(key, lines(quote(1))).status_code == 202
        with postgres.connect("postgres", autocommit=True) as connection:
            connection.execute(refuse + "false")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [database.name],
            )
            answer = gateway.post(key, lines(quote(2)), Idempotency_Key="a")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert httpx.get(f"{gateway.url}/health").status_code == 503
            connection.execute(refuse + "true")
        deadline = time.monotonic() + PATIENCE
        while gateway.post(key, lines(quote(2)), Idempotency_Key="a").status_code != 202:
            assert time.monotonic() < deadline
        assert httpx.get(f"{gateway.url}/health").status_code == 200
    assert [record["stock_id"] for record in delivered(settings)] == [1, 2]


@pytest.mark.long
def test_requests_that_come_together_share_files(settings: Settings, database: Database) -> None:
    key = make_good_key(database)
    with running_gateway(settings, database) as gateway, ThreadPoolExecutor(16) as pool:
        made = [*pool.map(lambda n: gateway.post(key, lines(quote(n))), range(200))]
        assert {answer.status_code for answer in made} == {202}
        assert len({answer.json()["receipt"] for answer in made}) == 200
        together = [
            pool.submit(gateway.post, key, lines(quote(1_000)), Idempotency_Key="same")
            for _ in range(16)
        ]
        assert len({each.result().json()["receipt"] for each in together}) == 1
        page = json.loads(httpx.get(f"{gateway.url}/openapi.json").text)
        assert "/v1/datasets/{name}/events" in page["paths"]
    assert len(landed(settings)) < 150
    assert sorted(r["stock_id"] for r in delivered(settings)) == [*range(200), 1_000]

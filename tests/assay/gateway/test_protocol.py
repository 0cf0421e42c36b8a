"""Connections whose client says nothing that is of use: none of them is held for ever, or grows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from assay.gateway import protocol
from assay.gateway.protocol import HEAD_BYTES, LimitedProtocol

SECONDS, PATIENCE = 0.4, 20.0
HEAD = b"%s / HTTP/1.1\r\nHost: a\r\n"
GET, POST = HEAD % b"GET", HEAD % b"POST"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]
scopes: list[Scope] = []


async def refuse(scope: Scope, _: Receive, send: Send) -> None:
    """Answer before the body, as a gateway does that knows no such key."""
    scopes.append(scope)
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SECONDS)
    scopes.clear()


def talk_to_gateway(talk: Talk) -> None:
    """Have a client talk, and let it do so for no longer than a test may take."""

    async def run() -> None:
        config = uvicorn.Config(
            refuse, http=LimitedProtocol, lifespan="off", timeout_keep_alive=60, log_config=None
        )
        config.load()
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: LimitedProtocol(config, state, {}), "127.0.0.1", 0
        )
        async with server, asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await talk(reader, writer)
            writer.close()

    asyncio.run(run())


async def answer(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def drip(writer: asyncio.StreamWriter, sent: bytes, pause: float = SECONDS / 4) -> None:
    """Send the same again and again, until the other side has closed."""
    while True:
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(pause)


async def ends_while_it_drips(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes, pause: float
) -> None:
    dripping = asyncio.create_task(drip(writer, sent, pause))
    try:
        assert await reader.read() == b""
    except ConnectionError:
        pass
    finally:
        dripping.cancel()


@pytest.mark.parametrize(
    ("head", "beside"),
    [
        (GET + b"\r\n", b"\r\n"),
        (POST + b"Content-Length: 1000\r\n\r\n", b"x"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    ],
    ids=["line break", "body", "chunk", "trailer"],
)
@pytest.mark.parametrize("goes_on", [False, True], ids=["once", "drips"])
def test_what_comes_after_the_answer_holds_no_connection(
    head: bytes, beside: bytes, *, goes_on: bool
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        assert b" 401 " in await answer(reader)
        if goes_on:
            await ends_while_it_drips(reader, writer, beside, SECONDS / 4)
        else:
            writer.write(beside)
            assert await reader.read() == b""

    talk_to_gateway(talk)


@pytest.mark.parametrize("endless", [b"A: b\r\n" * 500, b"b" * 2_000], ids=["many", "one"])
def test_headers_behind_a_body_are_dropped_and_end_the_connection_when_they_are_too_many(
    endless: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 2 * PATIENCE)
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: ")
        assert b" 401 " in await answer(reader)
        try:
            while True:
                writer.write(endless)
                await writer.drain()
                sent += len(endless)
                await asyncio.sleep(0.001)
        except ConnectionError:
            pass

    talk_to_gateway(talk)
    assert HEAD_BYTES < sent < 20 * HEAD_BYTES  # what is in buffers is not told apart
    assert [name for scope in scopes for name, _ in scope["headers"]] == [
        b"host",
        b"transfer-encoding",
    ]


def test_a_connection_is_used_again_after_a_body_that_nobody_has_read() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            writer.write(POST + b"Content-Length: 100000\r\n\r\n")
            assert b" 401 " in await answer(reader)
            writer.write(b"x" * 100_000 + b"\r\n")
            await asyncio.sleep(SECONDS / 2)
        writer.write(GET + b"\r\n")
        assert b" 401 " in await answer(reader)

    talk_to_gateway(talk)

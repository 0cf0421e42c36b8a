"""HTTP as uvicorn reads it, with limits on what comes before a request is whole.

uvicorn closes a connection that is idle between two requests. It waits for ever for one that never
begins, or whose head never ends, and it keeps a head of any size, and what comes behind a body. Any
byte makes it think that a request is under way, also one that belongs to none.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
HEAD_BYTES = 64 << 10  # of a head, or of anything else that is no body
MOST_AHEAD = 16  # requests that a client may send before the answer to the first
BROKEN = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 36\r\n"
    b'connection: close\r\n\r\n{"error": "this is no HTTP request"}'
)
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-type: application/json\r\n"
    b'content-length: 33\r\nconnection: close\r\n\r\n{"error": "too many connections"}'
)


class TooFarAhead(Exception):
    """A client has sent requests that nobody has begun to answer: 45 bytes of it cost 5 kB."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection; `most_connections` holds for all of the process."""

    most_connections = 1_000
    write_seconds = 30.0  # for which a client may leave answers unread

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.head_timer: asyncio.TimerHandle | None = None
        self.write_timer: asyncio.TimerHandle | None = None
        self.beside_body = 0  # bytes since the last that were of a body, or ended a head
        self.is_head_whole = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.write(FULL)
            transport.close()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_timer()
        self._end_write_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._end_write_timer()
        self.write_timer = self.loop.call_later(self.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._end_write_timer()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        self.beside_body += len(data)
        super().data_received(data)
        if self.beside_body > HEAD_BYTES:
            self.transport.close()
        elif self.head_timer is None and (self.cycle is None or self.cycle.response_complete):
            # A line break before a request, or the rest of a body that nobody reads any more.
            self._await_head()

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MOST_AHEAD:
            raise TooFarAhead  # ends the parsing of what has come, and the connection with 400
        self.is_head_whole = False
        super().on_message_begin()
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_head_whole:  # else one of those behind a body, which change nothing
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._end_timer()
        self.beside_body, self.is_head_whole = 0, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.beside_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.beside_body = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self.transport.write(BROKEN)
        self.transport.close()

    def _await_head(self) -> None:
        self._end_timer()
        self.head_timer = self.loop.call_later(HEAD_SECONDS, self._close)

    def _end_timer(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _end_write_timer(self) -> None:
        if self.write_timer is not None:
            self.write_timer.cancel()
            self.write_timer = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

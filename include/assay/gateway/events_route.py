"""POST /v1/datasets/{name}/events: from the bytes of a request to its answer.

A plain ASGI application: it runs thousands of times a second, and what FastAPI does for a route
(dependencies, models, a stack of contexts) costs several times what all of this does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from starlette.types import Message, Receive, Scope, Send

from assay.contracts.folders import dataset_names
from assay.errors import RequestRefusedError
from assay.gateway.answers import Answer, refusal, told
from assay.gateway.body import kind_of
from assay.gateway.keys import Keys, require_scope
from assay.gateway.limits import Depth, Held, Hold, Lag, Rates
from assay.gateway.prepare import Asked, Preparer
from assay.gateway.records import Posted, Prepared
from assay.ledger.gateway_keys import GatewayKey
from assay.ledger.receipts import Receipt

# So many bytes and records; more is read in a thread, so that others are answered meanwhile.
SMALL, FEW = 32 << 10, 100
COMMAS = 20  # so many cost no more than a record
READERS = 2
STRICT = {b"strict=1", b"strict=true"}
LENIENT = {b"", b"strict=0", b"strict=false"}
Submit = Callable[[Posted], Awaitable[Receipt]]


class ClientGone(Exception):
    """The client has left before its request was whole."""


class EventsRoute:
    """Takes records of a dataset; see the module."""

    def __init__(
        self, keys: Keys, submit: Submit, depth: Depth, lag: Lag, preparer: Preparer
    ) -> None:
        self.keys, self.submit, self.depth, self.lag = keys, submit, depth, lag
        self.preparer, self.limits = preparer, preparer.limits
        limits = self.limits
        self.rates, self.held = Rates(), Held(limits.held_bytes)
        self.readers = ThreadPoolExecutor(READERS, thread_name_prefix="read")
        self.datasets = dataset_names()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._answer(scope, receive)
        except RequestRefusedError as error:
            answer = refusal(error)
        except ClientGone:
            return
        await answer.send(send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        dataset: str = scope["path_params"]["name"]
        key = await self.known_key(_text(headers.get(b"authorization", b"")))
        require_scope(key, dataset, self.datasets)
        self.rates.take(key.key_id, key.requests_per_second)
        waiting = self.depth if self.preparer.stream_of(dataset) is None else self.lag
        waiting.require_room(dataset)
        strict = _is_strict(scope["query_string"])
        kind = kind_of(_text(headers.get(b"content-type", b"")))
        asked = Asked(dataset, kind, _text(headers.get(b"content-encoding", b"")), strict)
        again = self._idempotency_key(headers.get(b"idempotency-key"))
        length = self._length(headers.get(b"content-length"))
        with self.held.request(key.key_id) as held:
            held.require_room(length)
            stored = await self._read(receive, held)
            is_quick = not asked.encoding and is_small(stored)
            read = self._read_small if is_quick else self._read_large
            prepared, digest = await read(stored, asked)
            if not prepared.records:
                return told(422, prepared, None)
            del stored
            held.have(prepared.memory)
            posted = Posted(prepared, key.producer, key.key_id, digest, again)
            receipt = await self.submit(posted)
        return told(202, prepared, receipt)

    async def known_key(self, authorization: str) -> GatewayKey:
        """The key of a request. Raises RequestRefusedError (401)."""
        key = self.keys.remembered(authorization)
        if key is None:
            key = await asyncio.to_thread(self.keys.look_up, authorization)
        return key

    def _idempotency_key(self, given: bytes | None) -> str | None:
        if given is None:
            return None
        key = given.decode("latin-1")
        if not (0 < len(key) <= self.limits.idempotency_key and key.isprintable()):
            raise RequestRefusedError(
                400, f"Idempotency-Key is not of 1 to {self.limits.idempotency_key} characters"
            )
        return key

    def _length(self, given: bytes | None) -> int:
        """Bytes of a body, as far as it is told; they are held as they come."""
        most = self.limits.stored_bytes
        if given is None:
            return 0
        if not given.isdigit() or int(given) > most:
            raise RequestRefusedError(413, f"more than {most:,} bytes; send several requests")
        return int(given)

    async def _read(self, receive: Receive, held: Hold) -> bytes:
        try:
            async with asyncio.timeout(self.limits.read_seconds):
                return await self._read_all(receive, held)
        except TimeoutError:
            seconds = self.limits.read_seconds
            raise RequestRefusedError(408, f"the body took more than {seconds:g} s") from None

    async def _read_all(self, receive: Receive, held: Hold) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > self.limits.stored_bytes:
                raise RequestRefusedError(413, f"more than {self.limits.stored_bytes:,} bytes")
            held.have(size)
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts) if len(parts) > 1 else part

    async def _read_small(self, stored: bytes, asked: Asked) -> tuple[Prepared, str]:
        return self.preparer.prepare(stored, asked)

    async def _read_large(self, stored: bytes, asked: Asked) -> tuple[Prepared, str]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.readers, self.preparer.prepare, stored, asked)


def is_small(stored: bytes) -> bool:
    """Whether it is read sooner than a thread is asked; it may be of many very short records."""
    if len(stored) > SMALL:
        return False
    records = max(stored.count(b"\n"), stored.count(b"{"), stored.count(b",") // COMMAS)
    return records <= FEW


def _is_strict(query: bytes) -> bool:
    if query in STRICT:
        return True
    if query not in LENIENT:
        raise RequestRefusedError(400, "the only parameter is strict, as in ?strict=1")
    return False


def _text(header: bytes) -> str:
    return header.decode("latin-1")

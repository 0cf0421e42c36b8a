"""POST /v1/datasets/{name}/events: from the bytes of a request to its answer.

A plain ASGI application: it runs thousands of times a second, and what FastAPI does for a route
(dependencies, models, a stack of contexts) costs several times what all of this does.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import Message, Receive, Scope, Send

from assay.contracts.folders import dataset_names
from assay.errors import RequestRefusedError
from assay.gateway.batcher import Batcher
from assay.gateway.body import Kind, kind_of, require_text, unpack
from assay.gateway.check import checker_of
from assay.gateway.commit import Posted
from assay.gateway.csv_body import prepare_csv, prepare_csv_of_json
from assay.gateway.json_body import prepare_lines
from assay.gateway.keys import Keys, require_scope
from assay.gateway.limits import Depth, Held, Limits, Rates
from assay.gateway.naming import CSV, JSON, pattern_for
from assay.gateway.records import REFUSED, Prepared
from assay.ledger.gateway_keys import GatewayKey
from assay.ledger.receipts import Receipt

SMALL = 32 << 10  # bytes; what is larger is read in a thread, so that others are answered meanwhile
READERS = 2
STRICT = {b"strict=1", b"strict=true"}
LENIENT = {b"", b"strict=0", b"strict=false"}
PLAIN = (b"content-type", b"application/json")
REPEATABLE = (401, 429, 503)
Header = tuple[bytes, bytes]


class ClientGone(Exception):
    """The client has left before its request was whole."""


@dataclass(frozen=True)
class Answer:
    """Status, body and headers of an answer."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()

    async def send(self, send: Send) -> None:
        """Send it."""
        length = (b"content-length", str(len(self.body)).encode())
        headers = [PLAIN, length, *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class EventsRoute:
    """Takes records of a dataset; see the module."""

    def __init__(
        self, keys: Keys, batcher: Callable[[], Batcher], depth: Depth, limits: Limits
    ) -> None:
        self.keys, self.batcher, self.depth, self.limits = keys, batcher, depth, limits
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
        self.depth.waiting.setdefault(dataset, (0, 0))
        self.depth.require_room(dataset)
        strict = _is_strict(scope["query_string"])
        kind = kind_of(_text(headers.get(b"content-type", b"")))
        again = self._idempotency_key(headers.get(b"idempotency-key"))
        encoding = _text(headers.get(b"content-encoding", b""))
        length = self._length(headers.get(b"content-length"))
        with ExitStack() as held:
            held.enter_context(self.held.hold(length))
            stored = await self._read(receive)
            is_small = not encoding and len(stored) <= SMALL
            read = self._read_small if is_small else self._read_large
            prepared, body = await read(stored, encoding, kind, dataset, strict)
            if not prepared.records:
                return _told(422, prepared, None)
            held.enter_context(self.held.hold(len(body)))
            digest = hashlib.sha256(body).hexdigest()
            posted = Posted(prepared, key.producer, key.key_id, digest, again)
            receipt = await self.batcher().submit(posted)
        return _told(202, prepared, receipt)

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
        """Bytes to be held for a body; what does not say how long it is may be of any length."""
        most = self.limits.stored_bytes
        if given is None:
            return most
        if not given.isdigit() or int(given) > most:
            raise RequestRefusedError(413, f"more than {most:,} bytes; send several requests")
        return int(given)

    async def _read(self, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(self.limits.read_seconds):
                return await self._read_all(receive)
        except TimeoutError:
            seconds = self.limits.read_seconds
            raise RequestRefusedError(408, f"the body took more than {seconds:g} s") from None

    async def _read_all(self, receive: Receive) -> bytes:
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
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts) if len(parts) > 1 else part

    async def _read_small(self, *given: Any) -> tuple[Prepared, bytes]:
        return self._prepare(*given)

    async def _read_large(self, *given: Any) -> tuple[Prepared, bytes]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.readers, self._prepare, *given)

    def _prepare(
        self, stored: bytes, encoding: str, kind: Kind, dataset: str, strict: bool
    ) -> tuple[Prepared, bytes]:
        """The records of a body, checked; and the body, unpacked."""
        checker = checker_of(dataset)
        own = checker.bronze.limits
        body = require_text(unpack(stored, encoding, self.limits.unpacked_bytes))
        lines, table = (pattern_for(checker.bronze, each) for each in (JSON, CSV))
        if kind is Kind.CSV and table:
            prepared = prepare_csv(body, checker, table, strict=strict)
        elif kind is not Kind.CSV and lines:
            prepared = prepare_lines(body, kind, checker, lines, strict=strict)
        elif kind is not Kind.CSV and table:
            prepared = prepare_csv_of_json(body, kind, checker, table, strict=strict)
        else:
            raise RequestRefusedError(415, _why_not(dataset, kind, bool(lines or table)))
        prepared.require_limits(min(self.limits.records, own.records))
        if len(prepared.target.head) + sum(map(len, prepared.lines)) > own.unpacked_bytes:
            raise RequestRefusedError(413, f"more than {own.unpacked_bytes:,} bytes for one file")
        return prepared, body


def refusal(error: RequestRefusedError) -> Answer:
    """A refusal as an answer; one that stopped reading ends the connection."""
    headers: list[Header] = []
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.status in (408, 413):
        headers.append((b"connection", b"close"))
    return Answer(error.status, msgspec.json.encode({"error": str(error)}), (*headers,))


def _told(status: int, prepared: Prepared, receipt: Receipt | None) -> Answer:
    """What became of each record; of one that was sent again, what its receipt says."""
    refused = receipt.refused if receipt else prepared.refused
    findings = receipt.findings if receipt else prepared.findings
    told: dict[str, Any] = {
        "receipt": receipt.receipt_id if receipt else None,
        "dataset": prepared.target.dataset,
        "accepted": receipt.records if receipt else 0,
        "quarantine": receipt.doubtful if receipt else 0,
        "refused": refused,
        "records": [
            {"record": number, "status": state, "reasons": reasons}
            for number, state, reasons in findings
        ],
    }
    if receipt is None:
        told["error"] = f"no record is good: {refused:,} {REFUSED}"
        return Answer(status, msgspec.json.encode(told))
    place = f"/v1/receipts/{receipt.receipt_id}".encode()
    return Answer(status, msgspec.json.encode(told), ((b"location", place),))


def _is_strict(query: bytes) -> bool:
    if query in STRICT:
        return True
    if query not in LENIENT:
        raise RequestRefusedError(400, "the only parameter is strict, as in ?strict=1")
    return False


def _why_not(dataset: str, kind: Kind, has_any: bool) -> str:
    if has_any:
        return f"dataset {dataset} takes no {kind.value}; its contract has no pattern of such files"
    return f"dataset {dataset} has no pattern such as *.jsonl.gz or *.csv.gz in source.patterns"


def _text(header: bytes) -> str:
    return header.decode("latin-1")

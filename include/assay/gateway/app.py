"""The application: its routes, what it starts and ends, and what it says of itself."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import psycopg
from fastapi import FastAPI, Header, Path, Response
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from assay.errors import AssayError, RequestRefusedError
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.gateway.answers import refusal
from assay.gateway.batcher import Batcher
from assay.gateway.by_files import ByFiles
from assay.gateway.by_topics import ByTopics
from assay.gateway.commit import Commit, Connect, Way
from assay.gateway.deliver import deliverer_for
from assay.gateway.events_route import EventsRoute
from assay.gateway.keys import Keys
from assay.gateway.limits import Depth, Limits
from assay.gateway.openapi import EVENTS_PATH, RECEIPT_ANSWERS, describe_api
from assay.gateway.prepare import Preparer
from assay.gateway.receipts_route import describe
from assay.gateway.records import Posted
from assay.kafka.access import kafka_access
from assay.ledger.gateway_keys import GatewayKey, find_key
from assay.ledger.receipts import Receipt, Writes, find_receipt
from assay.ledger.whereabouts import follow_receipt
from assay.settings import Settings

LOOK_SECONDS = 5.0  # between two looks at what waits in landing
SHARE = 20  # a look at very many files takes no more than this part of the time


class Books:
    """A connection that reads the books, one question at a time; made anew when it is lost."""

    def __init__(self, connect: Connect) -> None:
        self.connect = connect
        self.lock = threading.Lock()
        self.connection: psycopg.Connection[Any] | None = None

    def ask(self, question: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        """The answer of the books. Raises RequestRefusedError (503) when they cannot be reached."""
        with self.lock:
            try:
                if self.connection is None or self.connection.closed:
                    self.connection = self.connect()
                return question(self.connection)
            except psycopg.Error as error:
                if self.connection is not None:
                    self.connection.close()
                emit(Progress(f"the books cannot be read: {error}"))
                raise RequestRefusedError(
                    503, "the books cannot be read; ask again", retry_after=5
                ) from error

    def find_key(self, key_id: str) -> GatewayKey | None:
        """The key of this id, if there is one."""
        found: GatewayKey | None = self.ask(lambda connection: find_key(connection, key_id))
        return found

    def close(self) -> None:
        """End the connection."""
        if self.connection is not None:
            self.connection.close()


class Gateway:
    """What the routes share, from the start of the process to its end."""

    def __init__(self, settings: Settings, connect: Connect, limits: Limits) -> None:
        self.books = Books(connect)
        self.ways: list[Way] = [ByFiles(deliverer_for(settings), limits)]
        if to_topics := settings.gateway_to == "kafka":
            makes_topics = settings.own_broker
            self.ways.append(ByTopics(lambda: kafka_access(settings), makes_topics=makes_topics))
        self.connect = connect
        self.depth = Depth(settings, limits)
        self.events = EventsRoute(
            Keys(self.books.find_key), self.submit, self.depth, Preparer(limits, to_topics)
        )
        self.batchers: dict[Writes, Batcher] = {}

    @asynccontextmanager
    async def running(self, _: FastAPI) -> AsyncIterator[None]:
        """From the first request to the last: at the end what is in the queue is committed."""
        for way in self.ways:
            batcher = Batcher(Commit(self.connect, way))
            await batcher.start()
            self.batchers[way.writes] = batcher
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            for batcher in self.batchers.values():
                await batcher.stop()
            self.books.close()

    async def submit(self, posted: Posted) -> Receipt:
        """The receipt of a request, once its records are safe. Raises RequestRefusedError."""
        writes: Writes = "topics" if posted.prepared.target.topic else "files"
        return await self.batchers[writes].submit(posted)

    async def _look(self) -> None:
        while True:
            began = time.monotonic()
            for dataset in [*self.depth.waiting]:
                with suppress(AssayError, OSError):
                    await asyncio.to_thread(self.depth.look, dataset)
            await asyncio.sleep(max(LOOK_SECONDS, SHARE * (time.monotonic() - began)))

    async def receipt(self, receipt_id: str, authorization: str) -> dict[str, Any]:
        """Where the records of a receipt are. Raises RequestRefusedError."""
        key = await self.events.known_key(authorization)
        return await asyncio.to_thread(self._receipt, receipt_id, key)

    def _receipt(self, receipt_id: str, key: GatewayKey) -> dict[str, Any]:
        def follow(connection: psycopg.Connection[Any]) -> dict[str, Any] | None:
            receipt = find_receipt(connection, receipt_id, key.producer)
            if receipt is None or receipt.dataset not in key.datasets:
                return None
            return describe(receipt, follow_receipt(connection, receipt))

        found: dict[str, Any] | None = self.books.ask(follow)
        if found is None:
            raise RequestRefusedError(404, f"{key.producer} has no receipt {receipt_id!r}")
        return found

    def health(self) -> dict[str, str]:
        """Whether the last group of each way was handed over."""
        trouble = "; ".join(each.trouble for each in self.batchers.values() if each.trouble)
        return {"status": "unwell", "error": trouble} if trouble else {"status": "ok"}


def make_app(settings: Settings, connect: Connect, limits: Limits | None = None) -> FastAPI:
    """The gateway of these settings; `connect` logs in as assay_gateway, in autocommit."""
    gateway = Gateway(settings, connect, limits or Limits())
    app = FastAPI(
        title="Assay gateway", lifespan=gateway.running, docs_url=None, redoc_url=None, version="1"
    )
    app.router.routes.append(Route(EVENTS_PATH, gateway.events, methods=["POST"]))
    app.add_exception_handler(RequestRefusedError, _refuse)
    app.state.gateway = gateway

    @app.get("/v1/receipts/{receipt}", responses=RECEIPT_ANSWERS)
    async def receipt(
        receipt: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
        authorization: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> dict[str, Any]:
        """Where the records of a request are now."""
        return await gateway.receipt(receipt, authorization)

    @app.get("/health", responses={503: {"description": "It cannot hand over."}})
    async def health(response: Response) -> dict[str, str]:
        """Whether the gateway takes records. Asks for no key."""
        told = gateway.health()
        response.status_code = 200 if told["status"] == "ok" else 503
        return told

    app.openapi = lambda: describe_api(app)  # type: ignore[method-assign]
    return app


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestRefusedError)  # noqa: S101 (it is registered for this alone)
    answer = refusal(error)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return JSONResponse({"error": str(error)}, error.status, headers)

"""The application: its routes, what it starts and ends, and what it says of itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path, Response
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from assay.errors import AssayError, RequestRefusedError
from assay.gateway.answers import refusal
from assay.gateway.batcher import Batcher
from assay.gateway.books import Books
from assay.gateway.by_files import ByFiles
from assay.gateway.by_topics import ByTopics
from assay.gateway.commit import Commit, Connect, Way
from assay.gateway.deliver import deliverer_for
from assay.gateway.events_route import EventsRoute
from assay.gateway.keys import Keys
from assay.gateway.limits import Depth, Lag, Limits
from assay.gateway.openapi import EVENTS_PATH, RECEIPT_ANSWERS, describe_api
from assay.gateway.prepare import Preparer
from assay.gateway.receipts_route import RECEIPT_ID, ReceiptsRoute
from assay.gateway.records import Posted
from assay.kafka.access import kafka_access
from assay.ledger.receipts import Receipt, Writes
from assay.ledger.streams import begun_at
from assay.settings import Settings
from assay.streams.lag import records_before
from assay.streams.names import Stream, topics_of

LOOK_SECONDS = 5.0  # between two looks at what waits in landing and in topics


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
        self.lag = Lag(self._records_before, settings.gateway_lag)
        keys, preparer = Keys(self.books.find_key), Preparer(limits, to_topics)
        self.events = EventsRoute(keys, self.submit, self.depth, self.lag, preparer)
        self.receipts = ReceiptsRoute(
            self.events.known_key, self.events.rates, connect, settings.landing
        )
        self.settings = settings
        self.batchers: dict[Writes, Batcher] = {}

    @asynccontextmanager
    async def running(self, _: FastAPI) -> AsyncIterator[None]:
        """From the first request to the last: at the end what is in the queue is committed."""
        for way in self.ways:
            batcher = Batcher(Commit(self.connect, way))
            await batcher.start()
            self.batchers[way.writes] = batcher
        looking = [asyncio.create_task(self._look(each)) for each in (self.depth, self.lag)]
        try:
            yield
        finally:
            for task in looking:
                task.cancel()
            for batcher in self.batchers.values():
                await batcher.stop()
            self.receipts.close()
            self.books.close()

    async def submit(self, posted: Posted) -> Receipt:
        """The receipt of a request, once its records are safe. Raises RequestRefusedError."""
        writes: Writes = "topics" if posted.prepared.target.topic else "files"
        return await self.batchers[writes].submit(posted)

    async def _look(self, waiting: Depth | Lag) -> None:
        while True:
            began = time.monotonic()
            for dataset in [*waiting.waiting]:
                with suppress(AssayError, OSError):
                    await asyncio.to_thread(waiting.look, dataset)
            pause = waiting.pauses * (time.monotonic() - began)
            await asyncio.sleep(max(LOOK_SECONDS, pause))

    def _records_before(self, dataset: str) -> int:
        stream = Stream(dataset, "kafka")
        begun, _ = self.books.ask(lambda connection: begun_at(connection, stream.name))
        return records_before(kafka_access(self.settings), topics_of(dataset), begun)

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
    app.add_exception_handler(HTTPException, _refuse_way)
    app.add_exception_handler(Exception, _fail)
    app.state.gateway = gateway

    @app.get("/v1/receipts/{receipt}", responses=RECEIPT_ANSWERS, response_model=dict[str, Any])
    async def receipt(
        receipt: Annotated[str, Path(json_schema_extra={"pattern": RECEIPT_ID.pattern})],
        authorization: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> Response:
        """Where the records of a request are now."""
        return await gateway.receipts.answer(receipt, authorization)

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


async def _refuse_way(_: Request, error: Exception) -> JSONResponse:
    """No such path, or no such method of it."""
    assert isinstance(error, HTTPException)  # noqa: S101 (it is registered for this alone)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _fail(_: Request, error: Exception) -> JSONResponse:
    """A fault of the gateway's own; it is logged with its traceback."""
    told = f"the gateway has failed: {type(error).__name__}, of which its log has more"
    return JSONResponse({"error": told}, 500)

"""GET /v1/receipts/{id}: where the records of a request are now."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import msgspec
import psycopg
from starlette.responses import Response

from assay.batch.states import ABANDONED, DRY_RUN, GIVEN_UP, ROLLED_BACK
from assay.errors import RequestRefusedError
from assay.gateway.books import Books
from assay.gateway.commit import Connect
from assay.gateway.limits import Rates
from assay.ledger.gateway_keys import GatewayKey
from assay.ledger.receipts import Receipt, find_receipt
from assay.ledger.whereabouts import Whereabouts, follow_receipt
from assay.storage.addresses import Place
from assay.storage.objects import exists

RECEIPT_ID = re.compile("^[0-9a-f]{32}$")
# From what asks for an act of the producer or of a person to what is done.
ORDER = (
    *("lost", "rejected", "duplicate", "parked", "rolled_back"),
    *("accepted", "live", "in_batch", "committed", "released"),
)


class ReceiptsRoute:
    """Tells of receipts, one after the other: large ones take long, and keep nobody from posting.

    So it has a connection and a thread of its own, and what it answers is written there too.
    """

    def __init__(
        self,
        known_key: Callable[[str], Awaitable[GatewayKey]],
        rates: Rates,
        connect: Connect,
        landing: Place,
    ) -> None:
        self.known_key, self.rates, self.landing = known_key, rates, landing
        self.books = Books(connect)
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="receipts")

    async def answer(self, receipt_id: str, authorization: str) -> Response:
        """Where the records of a receipt are. Raises RequestRefusedError."""
        key = await self.known_key(authorization)
        self.rates.take(key.key_id, key.requests_per_second)
        if not RECEIPT_ID.fullmatch(receipt_id):
            raise _no_receipt(key, receipt_id)
        loop = asyncio.get_running_loop()
        told = await loop.run_in_executor(self.thread, self._told, receipt_id, key)
        return Response(told, media_type="application/json")

    def close(self) -> None:
        """End the connection, once the question that is asked has its answer."""
        self.thread.shutdown(cancel_futures=True)
        self.books.close()

    def _told(self, receipt_id: str, key: GatewayKey) -> bytes:
        def follow(connection: psycopg.Connection[Any]) -> dict[str, Any] | None:
            receipt = find_receipt(connection, receipt_id, key.producer)
            if receipt is None or receipt.dataset not in key.datasets:
                return None
            return describe(receipt, self._seen(receipt, follow_receipt(connection, receipt)))

        found: dict[str, Any] | None = self.books.ask(follow)
        if found is None:
            raise _no_receipt(key, receipt_id)
        return msgspec.json.encode(found)

    def _seen(self, receipt: Receipt, places: Sequence[Whereabouts]) -> Sequence[Whereabouts]:
        """Whether a file that a batch has had lies in landing again: a person decides that."""
        if receipt.file_name is None or not any(now.state in GIVEN_UP for now in places):
            return places
        is_there = exists(self.landing / receipt.dataset / receipt.file_name)
        return [replace(now, is_in_landing=is_there) for now in places]


def _no_receipt(key: GatewayKey, receipt_id: str) -> RequestRefusedError:
    return RequestRefusedError(404, f"{key.producer} has no receipt {receipt_id!r}")


def state_of(now: Whereabouts) -> tuple[str, str]:
    """The state of records, and a sentence for people."""
    if now.is_lost:
        return (
            "lost",
            f"Kafka lost them before {now.stream} read them: {now.parked}; send them again",
        )
    if now.topic:
        return "accepted", f"in topic {now.topic}; the stream of the dataset takes it"
    # What an abandoned batch has not accepted stays where it was put, unless somebody gave it back.
    is_left = now.state == ABANDONED and now.verdict == "accepted"
    is_free = not now.verdict or now.state == DRY_RUN or is_left or now.is_in_landing
    is_held = now.is_released or (now.state == ROLLED_BACK and not now.is_pending_again)
    if now.stream and (is_free or not is_held):
        return _in_stream(now)
    if is_free:
        return "accepted", "in landing; the next run of its pipeline takes it"
    if now.verdict == "rejected":
        return "rejected", f"its file was rejected: {now.reason}"
    if now.verdict == "duplicate":
        return "duplicate", now.reason
    if now.state == ROLLED_BACK:
        told = "the release of " if now.was_released else "before it was released, "
        return "rolled_back", f"{told}{now.batch_id} was taken back"
    if now.is_released:
        return "released", f"in release {now.release}, of {now.batch_id}"
    if now.is_in_lake:
        return "committed", f"{now.batch_id} is committed, and about to be released"
    return "in_batch", f"{now.batch_id} has taken it, and is {now.state}"


def _in_stream(now: Whereabouts) -> tuple[str, str]:
    if now.set_apart:
        return "rejected", f"its slice was rejected: {now.set_apart}"
    if now.parked:
        return "parked", f"{now.stream} has parked its slice: {now.parked}"
    return "live", f"shown by {now.stream}, and not yet released"


def describe(receipt: Receipt, places: Sequence[Whereabouts]) -> dict[str, Any]:
    """The answer. `quarantined` is null while no release has judged the records.

    Of records that are in several slices the one that is least far on decides.
    """
    states = [(*state_of(now), now) for now in places]
    state, told, _ = min(states, key=lambda each: ORDER.index(each[0]))
    is_released = state == "released"
    release = max((now.release or 0 for now in places), default=0)
    counts = [now.quarantined for now in places]
    quarantined = None if None in counts else sum(count or 0 for count in counts)
    return {
        "receipt": receipt.receipt_id,
        "dataset": receipt.dataset,
        "accepted_at": receipt.accepted_at.isoformat() if receipt.accepted_at else None,
        "accepted": receipt.records,
        "refused": receipt.refused,
        "state": state,
        "where": told,
        "release": release if is_released else None,
        "quarantined": quarantined if is_released else None,
        **(_in_file(receipt) if receipt.topic is None else _in_topic(receipt, states)),
    }


def _in_file(receipt: Receipt) -> dict[str, Any]:
    records = {"first": receipt.first_record, "last": receipt.last_record}
    return {"file": receipt.file_name, "slice": receipt.slice_id, "records": records}


def _in_topic(receipt: Receipt, states: Sequence[tuple[str, str, Whereabouts]]) -> dict[str, Any]:
    """Offsets are ranges: the first, and the first after it. What waits in Kafka has no slice."""
    slices = [
        {"slice": now.slice_id or None, "state": state, "records": now.records}
        for state, _, now in states
    ]
    return {"topic": receipt.topic, "offsets": receipt.offsets, "slices": slices}

"""The group commit: what has come in meanwhile is made safe together, then all are told.

How it becomes safe is the business of a way: by files in landing, or by a topic of Kafka.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import psycopg

from assay.errors import AssayError, RequestRefusedError, StackError
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.gateway.records import Posted
from assay.ledger.receipts import Receipt, Writes, claim_receipts, find_receipts

BEHIND_RETRY = 5
FAULT_RETRY = 60  # a person has to do something first, for one dataset
NOT_SAFE = "the records could not be made safe; send them again"
CLAIM_SECONDS = 3.0  # so long Postgres may need to notice that a client is gone
Connect = Callable[[], psycopg.Connection[Any]]
Result = Receipt | RequestRefusedError
Made = Mapping[int, Result]  # by the identity of the request


class Way(Protocol):
    """How the records of a group come to be safe. All of it is called by one thread."""

    writes: Writes

    def begin(self) -> None:
        """Look for what an earlier gateway has left; no other one is at work any more."""
        ...

    def settle(self, connection: psycopg.Connection[Any]) -> None:
        """Complete what was begun and not ended, before anything new is."""
        ...

    @property
    def trouble(self) -> str:
        """What could not be completed, though other records can be handed over; else empty."""
        ...

    def require(self) -> None:
        """Raise the AssayError or OSError that would keep everything from being handed over."""
        ...

    def hand_over(self, connection: psycopg.Connection[Any], group: Sequence[Posted]) -> Made:
        """Make the records safe and write their receipts; or say of a request why it has none."""
        ...

    def close(self) -> None:
        """Give back what the way holds."""
        ...


class Commit:
    """Commits groups, one after the other; not to be used by two threads at once."""

    def __init__(self, connect: Connect, way: Way) -> None:
        self.connect, self.way = connect, way
        self.connection: psycopg.Connection[Any] | None = None

    def open(self) -> None:
        """Become the gateway of these books, and complete what an earlier one has left.

        Raises StackError when another one is at work.
        """
        connection = self._claimed()
        self.way.begin()
        self.way.settle(connection)

    def recover(self) -> str:
        """Complete what was cut off, without a request to hand over: what is in the way, if any."""
        try:
            self.way.settle(self._claimed())
            self.way.require()
        except (OSError, AssayError, psycopg.Error):
            self._part()
            return NOT_SAFE
        return self.way.trouble

    def close(self) -> None:
        """Give the books back."""
        self.way.close()
        self._part()

    def commit(self, group: Sequence[Posted]) -> list[Result]:
        """Hand a group over, and give each request its receipt, or why it has none.

        Raises RequestRefusedError (503) when nothing of it can be promised; then each of them may
        be sent again. With its idempotency key it has one receipt, whatever has become of it; a
        topic may have its records twice then, see docs/gateway.md.
        """
        try:
            connection = self._claimed()
            self.way.settle(connection)
            return self._hand_over(connection, group)
        except (OSError, AssayError, psycopg.Error) as error:
            self._part()
            emit(Progress(f"a group of {len(group)} could not be handed over: {error}"))
            raise RequestRefusedError(503, NOT_SAFE, retry_after=BEHIND_RETRY) from error

    def _hand_over(
        self, connection: psycopg.Connection[Any], group: Sequence[Posted]
    ) -> list[Result]:
        asked = [posted.known_by for posted in group if posted.idempotency_key]
        known = find_receipts(connection, asked)
        fresh = [p for p in group if not (p.idempotency_key and p.known_by in known)]
        made = self.way.hand_over(connection, fresh) if fresh else {}
        return [made.get(id(posted)) or _again(posted, known[posted.known_by]) for posted in group]

    def _claimed(self) -> psycopg.Connection[Any]:
        """The session that may write receipts. A new one waits until the one before is gone."""
        if self.connection is None or self.connection.closed:
            self.connection = self.connect()
            deadline = time.monotonic() + CLAIM_SECONDS
            while not claim_receipts(self.connection, self.way.writes):
                if time.monotonic() > deadline:
                    self._part()
                    raise StackError(
                        "another gateway writes receipts to this database; stop it first, or wait"
                        " until Postgres has noticed its end"
                    )
                time.sleep(0.05)
        return self.connection

    def _part(self) -> None:
        """End the session: what it was about to do, Postgres does now or never."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def new_receipt(posted: Posted, **place: Any) -> Receipt:
    """The receipt of a request whose records are at this place, which the books do not have yet."""
    prepared = posted.prepared
    return Receipt(
        receipt_id=new_receipt_id(),
        dataset=prepared.target.dataset,
        producer=posted.producer,
        key_id=posted.key_id,
        idempotency_key=posted.idempotency_key,
        body_sha256=posted.body_sha256,
        records=prepared.records,
        doubtful=prepared.doubtful,
        refused=prepared.refused,
        findings=[*prepared.findings],
        **place,
    )


def new_receipt_id() -> str:
    """32 hexadecimal digits that grow with time, and that nobody can guess."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def _again(posted: Posted, before: Receipt) -> Result:
    if before.body_sha256 != posted.body_sha256:
        return RequestRefusedError(
            422, f"Idempotency-Key {before.idempotency_key!r} was used with another body"
        )
    return before

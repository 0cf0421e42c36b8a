"""The group commit: what has come in meanwhile goes into one file of each kind, then all are told.

The order is what makes `kill -9` harmless, see docs/decisions/0030: spool and sync the file, write
the receipts, hand the file over, answer. Before the receipts nobody was told anything, and the file
goes; from then on it is handed over, by this process or by the next one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from assay.contracts.load import load_contract
from assay.errors import AssayError, RequestRefusedError, StackError
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.failpoints import reach
from assay.gateway.deliver import Deliverer, Spooled, drop, packed
from assay.gateway.limits import Limits
from assay.gateway.naming import name_by
from assay.gateway.records import Prepared, Target
from assay.ledger.receipts import (
    Receipt,
    claim_receipts,
    find_receipts,
    has_receipts,
    write_receipts,
)

BEHIND_RETRY = 5
CLAIM_SECONDS = 3.0  # so long Postgres may need to notice that a client is gone
Connect = Callable[[], psycopg.Connection[Any]]


@dataclass(frozen=True)
class Posted:
    """One request that was found good, with who sent it."""

    prepared: Prepared
    producer: str
    key_id: str
    body_sha256: str
    idempotency_key: str | None = None

    @property
    def known_by(self) -> tuple[str, str, str]:
        """What a second request has in common with this one when it is the same."""
        return self.producer, self.prepared.target.dataset, self.idempotency_key or ""


@dataclass
class File:
    """A file that is being filled, and what goes into it."""

    target: Target
    name: str
    posted: list[Posted] = field(default_factory=list)
    records: int = 0
    size: int = 0

    def content(self) -> bytes:
        """Its bytes before they are packed, in the encoding of the feed."""
        lines = (line for each in self.posted for line in each.prepared.lines)
        content = self.target.head + b"".join(lines)
        if self.target.encoding == "utf-8":
            return content
        return content.decode().encode(self.target.encoding)


class Commit:
    """Commits groups, one after the other; not to be used by two threads at once."""

    def __init__(self, connect: Connect, deliverer: Deliverer, limits: Limits) -> None:
        self.connect, self.deliverer, self.limits = connect, deliverer, limits
        self.connection: psycopg.Connection[Any] | None = None
        self.unsettled: list[Spooled] = []

    def open(self) -> None:
        """Become the gateway of these books, and complete what an earlier one has left.

        Raises StackError when another one is at work.
        """
        self.unsettled = [*self.deliverer.left_behind()]
        self._settle(self._claimed())

    def close(self) -> None:
        """Give the books back."""
        if self.connection is not None:
            self.connection.close()

    def commit(self, group: Sequence[Posted]) -> list[Receipt | RequestRefusedError]:
        """Hand a group over, and give each request its receipt, or why it has none.

        Raises RequestRefusedError (503) when nothing of it can be promised; then each of them may
        be sent again. With its idempotency key it is taken once, whatever has become of it.
        """
        try:
            connection = self._claimed()
            self._settle(connection)
            return self._hand_over(connection, group)
        except (OSError, AssayError, psycopg.Error) as error:
            self._part()
            emit(Progress(f"a group of {len(group)} could not be handed over: {error}"))
            raise RequestRefusedError(
                503, "the records could not be made safe; send them again", retry_after=BEHIND_RETRY
            ) from error

    def _hand_over(
        self, connection: psycopg.Connection[Any], group: Sequence[Posted]
    ) -> list[Receipt | RequestRefusedError]:
        asked = [posted.known_by for posted in group if posted.idempotency_key]
        known = find_receipts(connection, asked)
        fresh = [p for p in group if not (p.idempotency_key and p.known_by in known)]
        made: dict[int, Receipt] = {}
        files = [*fill_files(fresh, self.limits)]
        if files:
            spooled = [self._spool(file) for file in files]
            reach("gateway.spooled")
            for file, on_disk in zip(files, spooled, strict=True):
                made |= receipts_of(file, on_disk)
            write_receipts(connection, made.values())
            reach("gateway.written")
            self.deliverer.hand_over(spooled)
            reach("gateway.handed_over")
            self.unsettled = []
        return [made.get(id(posted)) or _again(posted, known[posted.known_by]) for posted in group]

    def _spool(self, file: File) -> Spooled:
        """From here on the file is unsettled: the books decide, should anything go wrong."""
        content = packed(file.name, file.content())
        spooled = self.deliverer.spool(file.target.dataset, file.name, content)
        self.unsettled.append(spooled)
        return spooled

    def _settle(self, connection: psycopg.Connection[Any]) -> None:
        for file in [*self.unsettled]:
            if has_receipts(connection, file.name):
                self.deliverer.hand_over([file])
                emit(Progress(f"handed over {file.dataset}/{file.name}, which was promised before"))
            else:
                drop(file)
            self.unsettled.remove(file)

    def _claimed(self) -> psycopg.Connection[Any]:
        """The session that may write receipts. A new one waits until the one before is gone."""
        if self.connection is None or self.connection.closed:
            self.connection = self.connect()
            deadline = time.monotonic() + CLAIM_SECONDS
            while not claim_receipts(self.connection):
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


def fill_files(group: Sequence[Posted], limits: Limits) -> Iterator[File]:
    """The files that a group makes: as few as their headers and the limits of a file allow."""
    open_files: dict[Target, File] = {}
    for posted in group:
        target, prepared = posted.prepared.target, posted.prepared
        size = sum(map(len, prepared.lines))
        file = open_files.get(target)
        own = load_contract("bronze", target.dataset).limits
        is_full = file is not None and (
            file.size + size > min(limits.file_bytes, own.unpacked_bytes - len(target.head))
            or file.records + prepared.records > min(limits.records, own.records)
        )
        if file is None or is_full:
            if file is not None:
                yield file
            file = open_files[target] = File(target, name_by(target.pattern))
        file.posted.append(posted)
        file.size += size
        file.records += prepared.records
    yield from open_files.values()


def receipts_of(file: File, spooled: Spooled) -> dict[int, Receipt]:
    """The receipt of each request in a file, by the identity of the request."""
    made, next_record = {}, 1
    for posted in file.posted:
        prepared = posted.prepared
        made[id(posted)] = Receipt(
            receipt_id=f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}",
            dataset=file.target.dataset,
            producer=posted.producer,
            key_id=posted.key_id,
            idempotency_key=posted.idempotency_key,
            body_sha256=posted.body_sha256,
            records=prepared.records,
            doubtful=prepared.doubtful,
            refused=prepared.refused,
            findings=[*prepared.findings],
            file_name=file.name,
            slice_id=spooled.digest,
            first_record=next_record,
        )
        next_record += prepared.records
    return made


def _again(posted: Posted, before: Receipt) -> Receipt | RequestRefusedError:
    if before.body_sha256 != posted.body_sha256:
        return RequestRefusedError(
            422, f"Idempotency-Key {before.idempotency_key!r} was used with another body"
        )
    return before

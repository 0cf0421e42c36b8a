"""Receipts of the gateway: written once, found again by key or file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from assay.ledger.query import Connection, as_json, fetch_all, fetch_value

Writes = Literal["files", "topics"]
# Beside that of the migrations: one session writes the receipts of files, one those of topics.
WRITER_LOCKS: dict[Writes, int] = {"files": 4_157_417, "topics": 4_157_418}
WRITTEN = (
    "receipt_id, dataset, producer, key_id, idempotency_key, body_sha256, records, doubtful,"
    " refused, findings, file_name, slice_id, first_record, topic, offsets, sent_from"
)
Ranges = Mapping[str, Sequence[Sequence[int]]]  # partition → first offset, and first after it


@dataclass(frozen=True)
class Receipt:
    """What one request has handed over; see ops.receipt.

    `findings` are `[number in the request, status, reasons]`. Its records are in a file, or at
    `offsets` of a topic, to which they were sent after `sent_from`.
    """

    receipt_id: str
    dataset: str
    producer: str
    key_id: str
    idempotency_key: str | None
    body_sha256: str
    records: int
    doubtful: int
    refused: int
    findings: list[list[Any]]
    file_name: str | None = None
    slice_id: str | None = None
    first_record: int | None = None
    topic: str | None = None
    offsets: Ranges | None = None
    sent_from: datetime | None = None
    accepted_at: datetime | None = field(default=None, compare=False)

    @property
    def last_record(self) -> int | None:
        """Where its records end in the file."""
        return None if self.first_record is None else self.first_record + self.records - 1


def claim_receipts(connection: Connection, writes: Writes) -> bool:
    """Become the only session that writes such receipts, until it ends; False when another is."""
    return bool(fetch_value(connection, "SELECT pg_try_advisory_lock(%s)", [WRITER_LOCKS[writes]]))


def books_time(connection: Connection) -> datetime:
    """What time it is, by the clock of the books."""
    now: datetime = fetch_value(connection, "SELECT clock_timestamp()", [])
    return now


def write_receipts(connection: Connection, receipts: Iterable[Receipt]) -> None:
    """Write receipts down, all or none."""
    with (
        connection.transaction(),
        connection.cursor() as cursor,
        cursor.copy(f"COPY ops.receipt ({WRITTEN}) FROM STDIN") as copy,
    ):
        for each in receipts:
            copy.write_row(
                (
                    each.receipt_id,
                    each.dataset,
                    each.producer,
                    each.key_id,
                    each.idempotency_key,
                    each.body_sha256,
                    each.records,
                    each.doubtful,
                    each.refused,
                    as_json(each.findings),
                    each.file_name,
                    each.slice_id,
                    each.first_record,
                    each.topic,
                    as_json(each.offsets),
                    each.sent_from,
                )
            )


def lacking_receipts(connection: Connection, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Those of the receipts that the books can take: not there, nor another one of their key."""
    rows = fetch_all(
        connection,
        "SELECT receipt_id FROM ops.receipt WHERE receipt_id = ANY(%s)",
        [[each.receipt_id for each in receipts]],
    )
    known = {receipt_id for (receipt_id,) in rows}
    keys = [(r.producer, r.dataset, r.idempotency_key) for r in receipts if r.idempotency_key]
    taken = find_receipts(connection, keys)
    return [
        each
        for each in receipts
        if each.receipt_id not in known
        and (each.producer, each.dataset, each.idempotency_key or "") not in taken
    ]


def find_receipts(
    connection: Connection, keys: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Receipt]:
    """The receipts that there are for these (producer, dataset, idempotency key)."""
    if not keys:
        return {}
    producers, datasets, given = zip(*keys, strict=True)
    rows = fetch_all(
        connection,
        f"SELECT {WRITTEN}, accepted_at FROM ops.receipt"  # noqa: S608
        " JOIN unnest(%s::text[], %s::text[], %s::text[])"
        " AS asked (producer, dataset, idempotency_key)"
        " USING (producer, dataset, idempotency_key)",
        [[*producers], [*datasets], [*given]],
    )
    found = [Receipt(*row) for row in rows]
    return {(each.producer, each.dataset, each.idempotency_key or ""): each for each in found}


def find_receipt(connection: Connection, receipt_id: str, producer: str) -> Receipt | None:
    """A receipt of this producer; None when it has none of this id."""
    rows = fetch_all(
        connection,
        f"SELECT {WRITTEN}, accepted_at FROM ops.receipt"  # noqa: S608
        " WHERE receipt_id = %s AND producer = %s",
        [receipt_id, producer],
    )
    return Receipt(*rows[0]) if rows else None


def has_receipts(connection: Connection, file_name: str) -> bool:
    """Whether the gateway has answered, or may have answered, for a file."""
    found = fetch_value(
        connection, "SELECT true FROM ops.receipt WHERE file_name = %s LIMIT 1", [file_name]
    )
    return bool(found)

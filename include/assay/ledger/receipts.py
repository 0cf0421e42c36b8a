"""Receipts of the gateway: written once, found again by key or file, and followed to a release."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from assay.batch.states import PUBLISHED, WHOLE_IN_LAKE
from assay.ledger.query import Connection, as_json, fetch_all, fetch_value

WRITER_LOCK = 4_157_417  # beside that of the migrations: one gateway writes receipts
WRITTEN = (
    "receipt_id, dataset, producer, key_id, idempotency_key, body_sha256, records, doubtful,"
    " refused, findings, file_name, slice_id, first_record"
)


@dataclass(frozen=True)
class Receipt:
    """What one request has handed over; see ops.receipt.

    `findings` are `[number in the request, status, reasons]`.
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
    file_name: str
    slice_id: str
    first_record: int
    accepted_at: datetime | None = field(default=None, compare=False)

    @property
    def last_record(self) -> int:
        """Where its records end in the file."""
        return self.first_record + self.records - 1


@dataclass(frozen=True)
class Whereabouts:
    """What became of the file of a receipt, and how many of its records are in quarantine.

    `verdict` is empty while no batch has seen the file; `release` is the newest that stands.
    `stream` has recorded the file, if one did; `parked` says why it shows nothing of it, and
    `set_apart` why a person has rejected what it has recorded.
    """

    verdict: str = ""
    reason: str = ""
    batch_id: str = ""
    state: str = ""
    release: int | None = None
    quarantined: int = 0
    stream: str = ""
    parked: str = ""
    set_apart: str = ""

    @property
    def is_in_lake(self) -> bool:
        """Whether the batch is committed, so that its records are judged."""
        return self.state in WHOLE_IN_LAKE

    @property
    def is_released(self) -> bool:
        """Whether readers see the batch."""
        return self.release is not None and self.state == PUBLISHED


def claim_receipts(connection: Connection) -> bool:
    """Become the only session that writes receipts, until it ends; False when another is."""
    return bool(fetch_value(connection, "SELECT pg_try_advisory_lock(%s)", [WRITER_LOCK]))


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
                )
            )


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


def follow_receipt(connection: Connection, receipt: Receipt) -> Whereabouts:
    """Where the records of a receipt are now. A batch that holds the file goes before others."""
    rows = fetch_all(
        connection,
        """
        SELECT slice.verdict, slice.reason, slice.batch_id, batch.state,
               (SELECT max(release_id) FROM ops.release
                WHERE release.batch_id = slice.batch_id AND rolled_back_by IS NULL)
        FROM ops.batch_slice AS slice JOIN ops.batch USING (batch_id)
        WHERE slice.dataset = %s AND slice.slice_id = %s
        ORDER BY slice.batch_is_live DESC, slice.verdict = 'accepted' DESC,
                 slice.delivery_number DESC
        LIMIT 1
        """,
        [receipt.dataset, receipt.slice_id],
    )
    stream, parked, set_apart = _stream_of(connection, receipt)
    if not rows:
        return Whereabouts(stream=stream, parked=parked, set_apart=set_apart)
    quarantined = fetch_value(
        connection,
        """
        SELECT count(*) FROM ops.quarantine_row AS row
        WHERE row.dataset = %(dataset)s AND row.row_id = ANY (
                  SELECT %(slice)s || ':' || number
                  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number)
          AND NOT EXISTS (SELECT FROM ops.quarantine_movement AS moved
                          WHERE moved.dataset = row.dataset AND moved.row_id = row.row_id)
        """,
        {
            "dataset": receipt.dataset,
            "slice": receipt.slice_id,
            "first": receipt.first_record,
            "last": receipt.last_record,
        },
    )
    found = Whereabouts(*rows[0])
    return replace(
        found, quarantined=quarantined, stream=stream, parked=parked, set_apart=set_apart
    )


def _stream_of(connection: Connection, receipt: Receipt) -> tuple[str, str, str]:
    """The stream that has recorded the file, why it was parked, and why rejected; else empty."""
    rows = fetch_all(
        connection,
        "SELECT stream, coalesce(parked, ''), coalesce(rejected, '') FROM ops.stream_slice"
        " WHERE dataset = %s AND slice_id = %s",
        [receipt.dataset, receipt.slice_id],
    )
    return rows[0] if rows else ("", "", "")

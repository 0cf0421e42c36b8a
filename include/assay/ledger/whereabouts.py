"""Where the records of a receipt are now: by its file, or by the slices that have its offsets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from assay.batch.states import ABANDONED, DRY_RUN, PUBLISHED, ROLLED_BACK, WHOLE_IN_LAKE
from assay.ledger.query import Connection, fetch_all, fetch_value
from assay.ledger.receipt_offsets import Numbers, inside_of, numbers_of
from assay.ledger.receipts import Receipt
from assay.ledger.refusals import newest_refusal
from assay.ledger.stream_slices import TAKEN_BACK

PAGE = 500  # slices; those that are sought are among the first, unless the stream is far behind
BATCH = """
    SELECT slice.verdict, slice.reason, slice.batch_id, batch.state,
           (SELECT max(release_id) FROM ops.release
            WHERE release.batch_id = slice.batch_id AND rolled_back_by IS NULL),
           EXISTS (SELECT FROM ops.release WHERE release.batch_id = slice.batch_id)
    FROM ops.batch_slice AS slice JOIN ops.batch USING (batch_id)
    WHERE slice.dataset = %s AND slice.slice_id = %s
    ORDER BY slice.batch_is_live DESC, slice.batch_is_live AND slice.verdict = 'accepted' DESC,
             slice.delivery_number DESC
    LIMIT 1
"""
QUARANTINED = """
    SELECT count(*) FROM ops.quarantine_row AS row
    WHERE row.dataset = %(dataset)s AND row.row_id = ANY (
              SELECT %(slice)s || ':' || number
              FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number)
      AND NOT EXISTS (SELECT FROM ops.quarantine_movement AS moved
                      WHERE moved.dataset = row.dataset AND moved.row_id = row.row_id)
"""
SLICES = """
    SELECT slice_id, stream, coalesce(parked, ''), coalesce(rejected, ''), records, offsets,
           recorded_at
    FROM ops.stream_slice
    WHERE dataset = %(dataset)s AND offsets IS NOT NULL
      AND (recorded_at, slice_id) > (%(after)s, %(id)s)
    ORDER BY recorded_at, slice_id LIMIT %(page)s
"""


@dataclass(frozen=True)
class Whereabouts:
    """What became of records of a receipt that are in one slice; how many are in quarantine.

    `verdict` is empty while no batch has seen the slice, and no stream has refused it; `release` is
    the newest that stands, `was_released` whether there was any. `is_in_landing` is said by who
    has seen the file there, and not by the books.
    `stream` has recorded the slice, if one did; `parked` says why it shows nothing of it, and
    `set_apart` why a person has rejected what it has recorded. Records
    that no stream has read yet wait in a `topic`, and have no slice. `quarantined` is None where
    nobody can tell, for the offsets of the slice are not those of its records alone.
    """

    verdict: str = ""
    reason: str = ""
    batch_id: str = ""
    state: str = ""
    release: int | None = None
    was_released: bool = False
    quarantined: int | None = 0
    stream: str = ""
    parked: str = ""
    set_apart: str = ""
    topic: str = ""
    is_lost: bool = False
    is_in_landing: bool = False
    slice_id: str = ""
    records: int = 0

    @property
    def is_in_lake(self) -> bool:
        """Whether the batch is committed, so that its records are judged."""
        return self.state in WHOLE_IN_LAKE

    @property
    def is_pending_again(self) -> bool:
        """Whether its release was taken back and a stream has it for the next batch."""
        return self.state == ROLLED_BACK and self.parked == TAKEN_BACK

    @property
    def is_released(self) -> bool:
        """Whether readers see the batch."""
        return self.release is not None and self.state == PUBLISHED


def follow_receipt(connection: Connection, receipt: Receipt) -> list[Whereabouts]:
    """Where the records of a receipt are now, one for each place, in the order of their coming.

    A batch that holds the slice goes before others.
    """
    if receipt.offsets is not None:
        return [*_in_topic(connection, receipt)]
    slice_id, first, last = receipt.slice_id or "", receipt.first_record, receipt.last_record
    marks = _marks_of(connection, receipt.dataset, slice_id)
    numbers = [(first or 1, last or 0)]
    found = _of_slice(connection, receipt.dataset, slice_id, numbers)
    if found.state in ("", ABANDONED, DRY_RUN) and not any(marks):
        verdict, reason = newest_refusal(connection, receipt.dataset, slice_id)
        found = Whereabouts(verdict, reason) if verdict else found
    return [replace(found, slice_id=slice_id, records=receipt.records, **_told(marks))]


def _of_slice(
    connection: Connection, dataset: str, slice_id: str, numbers: Numbers | None
) -> Whereabouts:
    """What batches have made of it, and how many of these records are in quarantine."""
    rows = fetch_all(connection, BATCH, [dataset, slice_id])
    if not rows:
        return Whereabouts()
    if numbers is None:
        return replace(Whereabouts(*rows[0]), quarantined=None)
    asked = {"dataset": dataset, "slice": slice_id}
    counts = (
        fetch_value(connection, QUARANTINED, {**asked, "first": first, "last": last})
        for first, last in numbers
    )
    return replace(Whereabouts(*rows[0]), quarantined=sum(counts))


def _marks_of(connection: Connection, dataset: str, slice_id: str) -> Sequence[str]:
    """The stream that has recorded the file, why it was parked, and why rejected; else empty."""
    rows = fetch_all(
        connection,
        "SELECT stream, coalesce(parked, ''), coalesce(rejected, '') FROM ops.stream_slice"
        " WHERE dataset = %s AND slice_id = %s",
        [dataset, slice_id],
    )
    return rows[0] if rows else ("", "", "")


def _told(marks: Sequence[str]) -> dict[str, Any]:
    return dict(zip(("stream", "parked", "set_apart"), marks, strict=True))


def _in_topic(connection: Connection, receipt: Receipt) -> Iterator[Whereabouts]:
    """By slice, the records that a stream has read; and what waits in the topic."""
    topic, left = receipt.topic or "", receipt.records
    for slice_id, *marks, records, offsets, _ in _slices(connection, receipt):
        inside = inside_of(receipt, offsets)
        count = sum(until - first for _, first, until in inside)
        if not count:
            continue
        left -= count
        if records:
            numbers = numbers_of(topic, inside, offsets, records)
            found = _of_slice(connection, receipt.dataset, slice_id, numbers)
        else:  # what somebody has skipped, since Kafka had lost it
            found = Whereabouts(is_lost=True)
        yield replace(found, slice_id=slice_id, records=count, **_told(marks))
    if left > 0:
        yield Whereabouts(records=left, topic=topic)


def _slices(connection: Connection, receipt: Receipt) -> Iterator[tuple[Any, ...]]:
    """Slices that may have its records, page by page, until all of its partitions are behind."""
    ends = {partition: ranges[-1][1] for partition, ranges in (receipt.offsets or {}).items()}
    rows = fetch_all(
        connection,
        "SELECT next_offsets FROM ops.stream WHERE dataset = %s AND source = 'kafka'",
        [receipt.dataset],
    )
    read = ((rows[0][0] if rows else None) or {}).get(receipt.topic, {})
    ends = {partition: min(end, read.get(partition, 0)) for partition, end in ends.items()}
    asked = {"dataset": receipt.dataset, "after": receipt.sent_from, "id": "", "page": PAGE}
    while any(ends.values()):
        page = fetch_all(connection, SLICES, asked)
        for row in page:
            yield row
            for partition, (_, until) in row[5].get(receipt.topic, {}).items():
                if until >= ends.get(partition, until + 1):
                    ends[partition] = 0
        if len(page) < PAGE:
            return
        asked |= {"after": page[-1][6], "id": page[-1][0]}

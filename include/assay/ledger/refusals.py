"""Files that streams have refused: rejected, or put away as duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from assay.ledger.deliveries import Delivery
from assay.ledger.query import Connection, fetch_all

# Asking again after an outage adds nothing, whether or not the first COMMIT arrived.
RECORD = """
    INSERT INTO ops.stream_refusal (stream, epoch, dataset, slice_id, source_file, verdict, reason,
                                    size_bytes, location)
    SELECT %(stream)s, %(epoch)s, %(dataset)s, %(slice_id)s, %(source_file)s, %(verdict)s,
           %(reason)s, %(size_bytes)s, %(location)s
    WHERE NOT EXISTS (SELECT FROM ops.stream_refusal AS known
                      WHERE known.dataset = %(dataset)s AND known.slice_id = %(slice_id)s
                        AND known.location = %(location)s)
"""
NEWEST = """
    SELECT refusal.verdict, refusal.reason FROM ops.stream_refusal AS refusal
    WHERE refusal.dataset = %(dataset)s AND refusal.slice_id = %(slice)s
      AND NOT EXISTS (SELECT FROM ops.batch_slice AS later
                      WHERE later.dataset = refusal.dataset AND later.slice_id = refusal.slice_id
                        AND later.seen_at > refusal.seen_at)
    ORDER BY refusal_id DESC LIMIT 1
"""
OLD = """
    SELECT refusal_id, location FROM ops.stream_refusal
    WHERE dataset = %(dataset)s AND verdict = 'duplicate' AND removed_at IS NULL
      AND starts_with(location, %(folder)s)
      AND seen_at < clock_timestamp() - make_interval(days => %(days)s)
    ORDER BY refusal_id
"""


@dataclass(frozen=True)
class PutAway:
    """A duplicate that a stream has put away."""

    refusal_id: int
    location: str


def record_refusals(
    connection: Connection, stream: str, epoch: int, refused: Sequence[Delivery]
) -> None:
    """Record what a stream does not accept, and where it is about to be put: all, or nothing."""
    told = [{"stream": stream, "epoch": epoch, **asdict(delivery)} for delivery in refused]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(RECORD, told)


def newest_refusal(connection: Connection, dataset: str, slice_id: str) -> tuple[str, str]:
    """Verdict and reason of a stream on a content that no batch has seen since; else empty."""
    rows = fetch_all(connection, NEWEST, {"dataset": dataset, "slice": slice_id})
    return rows[0] if rows else ("", "")


def old_duplicates(connection: Connection, dataset: str, folder: str, days: int) -> list[PutAway]:
    """Duplicates below the folder that streams have put away `days` ago or earlier."""
    asked = {"dataset": dataset, "folder": folder, "days": days}
    return [PutAway(*row) for row in fetch_all(connection, OLD, asked)]


def record_duplicate_gone(connection: Connection, refusal_id: int) -> None:
    """Record that a duplicate is removed."""
    connection.execute(
        "UPDATE ops.stream_refusal SET removed_at = clock_timestamp() WHERE refusal_id = %s",
        [refusal_id],
    )

"""Deliveries: every slice that a batch saw, with its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from assay.batch.slices import SliceKind
from assay.batch.states import (
    ABANDONED,
    DRY_RUN,
    HOLDS_NOTHING,
    MAY_GIVE_BACK,
    WHOLE_IN_LAKE,
    BatchState,
)
from assay.errors import BatchError
from assay.ledger.query import Connection, fetch_all

Verdict = Literal["accepted", "duplicate", "rejected"]
UNKNOWN_DAY = "0001-01-01"  # comes before every other
RECORD = """
    INSERT INTO ops.batch_slice (batch_id, dataset, slice_id, source_file, verdict, reason,
                                records, size_bytes, header, location, format,
                                slice_date, kind)
    VALUES (%(batch_id)s, %(dataset)s, %(slice_id)s, %(source_file)s, %(verdict)s,
            %(reason)s, %(records)s, %(size_bytes)s, %(header)s, %(location)s, %(format)s,
            %(slice_date)s, %(kind)s)
    ON CONFLICT (batch_id, dataset, slice_id, source_file) DO UPDATE
    SET verdict = excluded.verdict, reason = excluded.reason, records = excluded.records,
        size_bytes = excluded.size_bytes, header = excluded.header,
        location = excluded.location, format = excluded.format
"""


@dataclass(frozen=True)
class Delivery:
    """One slice as it was delivered. `reason` says why it was not accepted; else it is empty.

    `slice_date` is the day that it belongs to, of a file see `filenames.file_date`.
    """

    dataset: str
    source_file: str
    slice_id: str
    verdict: Verdict
    reason: str = ""
    records: int = 0
    size_bytes: int = 0
    header: list[str] = field(default_factory=list)
    location: str = ""
    format: str = ""
    slice_date: str = UNKNOWN_DAY
    kind: SliceKind = "file"


@dataclass(frozen=True)
class AcceptedSlice:
    """Where an accepted slice stands among all deliveries of its dataset; `number` only grows."""

    dataset: str
    slice_id: str
    batch_id: str
    slice_date: str
    number: int
    is_committed: bool


def record_deliveries(
    connection: Connection, batch_id: str, deliveries: Sequence[Delivery]
) -> None:
    """Record what the batch saw; a delivery that is known already gets its newer verdict.

    Raises BatchError when another live batch has claimed one of the slices since they were judged.
    """
    from psycopg.errors import UniqueViolation  # parsing a DAG must not load it

    told = [{"batch_id": batch_id, **asdict(delivery)} for delivery in deliveries]
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(RECORD, told)
    except UniqueViolation as error:
        raise BatchError(
            f"{batch_id}: another batch has accepted one of its slices meanwhile"
            f" ({error.diag.message_detail}); clear accept_files to judge them anew"
        ) from error


def deliveries(connection: Connection, batch_id: str) -> list[Delivery]:
    """Every delivery of the batch, by name."""
    rows = fetch_all(
        connection,
        "SELECT dataset, source_file, slice_id, verdict, reason, records, size_bytes, header,"
        " location, format, slice_date::text, kind"
        " FROM ops.batch_slice WHERE batch_id = %s ORDER BY dataset, source_file, slice_id",
        [batch_id],
    )
    return [Delivery(*row) for row in rows]


def accepted_slices(connection: Connection, datasets: Sequence[str]) -> list[AcceptedSlice]:
    """Every content that was accepted of these datasets, as its last acceptance has it."""
    rows = fetch_all(
        connection,
        """
        SELECT DISTINCT ON (file.dataset, file.slice_id) file.dataset, file.slice_id, file.batch_id,
               file.slice_date::text, file.delivery_number,
               batch.state = ANY(%s)
        FROM ops.batch_slice AS file JOIN ops.batch AS batch USING (batch_id)
        WHERE file.dataset = ANY(%s) AND file.verdict = 'accepted'
        ORDER BY file.dataset, file.slice_id, file.delivery_number DESC
        """,
        [[*WHOLE_IN_LAKE], list(datasets)],
    )
    return [AcceptedSlice(*row) for row in rows]


def batch_holding(
    connection: Connection, contents: Sequence[tuple[str, str]], *, besides: str
) -> dict[tuple[str, str], str]:
    """Which other live batch, of whatever pipeline, accepted each of these contents of a dataset.

    A content is (dataset, slice_id). A batch that was abandoned or rolled back, or was a dry run,
    holds nothing.
    """
    rows = fetch_all(
        connection,
        """
        SELECT DISTINCT ON (file.dataset, file.slice_id) file.dataset, file.slice_id, file.batch_id
        FROM ops.batch_slice AS file
        JOIN ops.batch AS batch USING (batch_id)
        WHERE file.slice_id = ANY(%s) AND file.batch_id <> %s
          AND file.verdict = 'accepted'
          AND batch.state <> ALL(%s)
        ORDER BY file.dataset, file.slice_id, batch.number
        """,
        [[slice_id for _, slice_id in contents], besides, [*HOLDS_NOTHING]],
    )
    return {(dataset, slice_id): batch for dataset, slice_id, batch in rows}


@dataclass(frozen=True)
class HeldFile:
    """A file of a batch that did not come to its end; `run_id` and `state` are the batch's.

    Of an ABANDONED batch, one that is still to be given back. `slice_id` is empty when the batch
    was cut off before it looked at the file.
    """

    batch_id: str
    run_id: str
    state: BatchState
    dataset: str
    slice_id: str
    source_file: str
    location: str


def held_files(
    connection: Connection, pipeline: str, folder: str, *, besides: str
) -> list[HeldFile]:
    """Files below the folder that other batches have accepted, and neither commit nor give back.

    A batch that is RUNNING may be at work; whether it is, its run says.
    """
    rows = fetch_all(
        connection,
        """
        SELECT batch.batch_id, batch.run_id, batch.state, file.dataset, file.slice_id,
               file.source_file, file.location
        FROM ops.batch_slice AS file
        JOIN ops.batch AS batch USING (batch_id)
        WHERE batch.pipeline = %(pipeline)s AND batch.batch_id <> %(besides)s
          AND batch.state = ANY(%(held_in)s)
          AND file.verdict = 'accepted' AND starts_with(file.location, %(folder)s)
          AND NOT (batch.state = %(abandoned)s AND EXISTS (
              SELECT FROM ops.stream_slice AS recorded
              WHERE recorded.dataset = file.dataset AND recorded.slice_id = file.slice_id
          ))
          AND NOT EXISTS (
              SELECT FROM ops.batch_slice AS newer
              JOIN ops.batch AS its USING (batch_id)
              WHERE its.pipeline = batch.pipeline AND its.batch_id <> batch.batch_id
                AND newer.dataset = file.dataset AND newer.slice_id = file.slice_id
                AND newer.verdict = 'accepted' AND its.state <> ALL(%(not_taken_in)s)
          )
        ORDER BY batch.started_at, file.source_file
        """,
        {
            "pipeline": pipeline,
            "besides": besides,
            "folder": folder,
            "held_in": [*MAY_GIVE_BACK],
            # The slices of a stream are given back by the state alone.
            "abandoned": ABANDONED,
            # A batch that was rolled back did take the file from this one.
            "not_taken_in": [ABANDONED, DRY_RUN],
        },
    )
    return [HeldFile(batch, run, BatchState(state), *rest) for batch, run, state, *rest in rows]


def unended_batches(
    connection: Connection, pipeline: str, batch_ids: Sequence[str]
) -> list[tuple[str, str, BatchState]]:
    """Those of the batches that may have files to give back: batch, run and state, oldest first."""
    rows = fetch_all(
        connection,
        "SELECT batch_id, run_id, state FROM ops.batch WHERE pipeline = %s AND batch_id = ANY(%s)"
        " AND state = ANY(%s) ORDER BY started_at, batch_id",
        [pipeline, list(batch_ids), [*MAY_GIVE_BACK]],
    )
    return [(batch_id, run_id, BatchState(state)) for batch_id, run_id, state in rows]

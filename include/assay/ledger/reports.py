"""What people want to know of a batch, read with the rights of the reader role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.batch_states import BatchState
from assay.ledger.query import Connection, fetch_all

HEAD = ("number", "batch_id", "pipeline", "day", "run_id", "state", "error")
CLASSES = ("new", "updated", "duplicate", "superseded", "quarantined")


@dataclass(frozen=True)
class BatchReport:
    """One batch in numbers. `classes` are its records by class, `gold_rows` by table.

    `number` counts the batches of all pipelines; it names the batch where its id is too long.
    `executors` counts hosts whose executors did tasks; 0 where the Spark drivers do all themselves.
    """

    number: int
    batch_id: str
    pipeline: str
    day: str
    run_id: str
    state: BatchState
    error: str | None
    files: int
    duplicate_files: int
    rejected_files: int
    records: int
    classes: dict[str, int]
    gold_rows: dict[str, int]
    release_id: int | None
    task_seconds: dict[str, float]
    executors: int = 0


def batch_reports(
    connection: Connection,
    pipeline: str | None = None,
    since: Any = None,
    *,
    batch: str | None = None,
) -> list[BatchReport]:
    """Reports of a pipeline's batches that were started after `since`, oldest first.

    None means every pipeline, all time, and every batch.
    """
    rows = fetch_all(
        connection,
        """
        SELECT number, batch_id, pipeline, batch_date::text, run_id, state, error FROM ops.batch
        WHERE (%(pipeline)s::text IS NULL OR pipeline = %(pipeline)s)
            AND (%(since)s::timestamptz IS NULL OR started_at > %(since)s)
            AND (%(batch)s::text IS NULL OR batch_id = %(batch)s)
        ORDER BY number
        """,
        {"pipeline": pipeline, "since": since, "batch": batch},
    )
    return [_report(connection, dict(zip(HEAD, row, strict=True))) for row in rows]


def count_records(
    connection: Connection, batch_ids: Sequence[str], dataset: str | None = None
) -> dict[str, int]:
    """Records of batches by class, of all their datasets or of one."""
    sums = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in CLASSES)
    counts = fetch_all(
        connection,
        f"SELECT {sums} FROM ops.row_ledger"  # noqa: S608  # class names
        " WHERE batch_id = ANY(%(batches)s)"
        " AND (%(dataset)s::text IS NULL OR dataset = %(dataset)s)",
        {"batches": [*batch_ids], "dataset": dataset},
    )[0]
    return dict(zip(CLASSES, counts, strict=True))


def _report(connection: Connection, head: dict[str, Any]) -> BatchReport:
    batch_id = head["batch_id"]
    files = fetch_all(
        connection,
        "SELECT verdict, count(*), sum(records)::bigint FROM ops.batch_slice WHERE batch_id = %s"
        " GROUP BY verdict",
        [batch_id],
    )
    counts = {verdict: (number, records) for verdict, number, records in files}
    release = fetch_all(
        connection,
        "SELECT release_id, counts FROM ops.release WHERE batch_id = %s"
        " ORDER BY release_id DESC LIMIT 1",
        [batch_id],
    )
    seconds = fetch_all(
        connection,
        "SELECT task_id, extract(epoch FROM sum(finished_at - started_at))::float8"
        " FROM ops.batch_task WHERE batch_id = %s AND state <> 'SKIPPED'"
        " GROUP BY task_id ORDER BY min(epoch)",
        [batch_id],
    )
    executors = fetch_all(
        connection,
        "SELECT count(DISTINCT e.key) FROM ops.batch_task,"
        " LATERAL jsonb_each_text(metrics -> 'executors') AS e"
        " WHERE batch_id = %s AND e.value::int > 0",
        [batch_id],
    )
    return BatchReport(
        **{**head, "state": BatchState(head["state"])},
        files=counts.get("accepted", (0, 0))[0],
        duplicate_files=counts.get("duplicate", (0, 0))[0],
        rejected_files=counts.get("rejected", (0, 0))[0],
        records=counts.get("accepted", (0, 0))[1],
        classes=count_records(connection, [batch_id]),
        gold_rows={n: r for n, r in (release[0][1] if release else {}).items() if "gold." in n},
        release_id=release[0][0] if release else None,
        task_seconds={task: duration or 0.0 for task, duration in seconds},
        executors=executors[0][0],
    )

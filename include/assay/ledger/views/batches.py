"""What people want to know of a batch, read with the rights of the reader role."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from assay.batch.states import BatchState
from assay.ledger.query import Connection, fetch_all

HEAD = ("number", "batch_id", "pipeline", "day", "run_id", "state", "error")
CLASSES = ("new", "updated", "duplicate", "superseded", "quarantined")


@dataclass(frozen=True)
class Taken:
    """How many files, slices of Kafka, and records of both."""

    files: int = 0
    slices: int = 0
    records: int = 0


NONE = Taken()


@dataclass(frozen=True)
class BatchReport:
    """One batch in numbers. `classes` are its records by class, `gold_rows` by table.

    `files` and `slices`, which are those of Kafka, count what it has accepted.

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
    slices: int
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
    ids = [row[1] for row in rows]
    classes, files = _classes(connection, ids), _files(connection, ids)
    releases, seconds = _releases(connection, ids), _seconds(connection, ids)
    executors = _executors(connection, ids)
    return [
        _report(
            dict(zip(HEAD, row, strict=True)),
            files.get(row[1], {}),
            classes.get(row[1], dict.fromkeys(CLASSES, 0)),
            releases.get(row[1]),
            seconds.get(row[1], {}),
            executors.get(row[1], 0),
        )
        for row in rows
    ]


def _report(
    head: dict[str, Any],
    files: Mapping[str, Taken],
    classes: dict[str, int],
    release: tuple[int, dict[str, int]] | None,
    seconds: dict[str, float],
    executors: int,
) -> BatchReport:
    return BatchReport(
        **{**head, "state": BatchState(head["state"])},
        files=files.get("accepted", NONE).files,
        slices=files.get("accepted", NONE).slices,
        duplicate_files=files.get("duplicate", NONE).files,
        rejected_files=sum(astuple(files.get("rejected", NONE))[:2]),
        records=files.get("accepted", NONE).records,
        classes=classes,
        gold_rows={n: r for n, r in (release[1] if release else {}).items() if "gold." in n},
        release_id=release[0] if release else None,
        task_seconds=seconds,
        executors=executors,
    )


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


def _classes(connection: Connection, batch_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Batch → its records by class; a batch that the row ledger does not have is missing."""
    sums = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in CLASSES)
    rows = fetch_all(
        connection,
        f"SELECT batch_id, {sums} FROM ops.row_ledger"  # noqa: S608  # class names
        " WHERE batch_id = ANY(%s) GROUP BY batch_id",
        [[*batch_ids]],
    )
    return {batch_id: dict(zip(CLASSES, counts, strict=True)) for batch_id, *counts in rows}


def _files(connection: Connection, batch_ids: Sequence[str]) -> dict[str, dict[str, Taken]]:
    """Batch → verdict → what of it the batch has seen."""
    rows = fetch_all(
        connection,
        "SELECT batch_id, verdict, count(*) FILTER (WHERE kind = 'file'),"
        " count(*) FILTER (WHERE kind <> 'file'), sum(records)::bigint FROM ops.batch_slice"
        " WHERE batch_id = ANY(%s) GROUP BY batch_id, verdict",
        [[*batch_ids]],
    )
    found: dict[str, dict[str, Taken]] = defaultdict(dict)
    for batch_id, verdict, *numbers in rows:
        found[batch_id][verdict] = Taken(*numbers)
    return found


def _releases(
    connection: Connection, batch_ids: Sequence[str]
) -> dict[str, tuple[int, dict[str, int]]]:
    """Batch → its newest release, and the rows of each table in it."""
    rows = fetch_all(
        connection,
        "SELECT DISTINCT ON (batch_id) batch_id, release_id, counts FROM ops.release"
        " WHERE batch_id = ANY(%s) ORDER BY batch_id, release_id DESC",
        [[*batch_ids]],
    )
    return {batch_id: (release_id, counts) for batch_id, release_id, counts in rows}


def _seconds(connection: Connection, batch_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """Batch → task → seconds of all its attempts, in the order in which the tasks began."""
    rows = fetch_all(
        connection,
        "SELECT batch_id, task_id, extract(epoch FROM sum(finished_at - started_at))::float8"
        " FROM ops.batch_task WHERE batch_id = ANY(%s) AND state <> 'SKIPPED'"
        " GROUP BY batch_id, task_id ORDER BY batch_id, min(epoch)",
        [[*batch_ids]],
    )
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for batch_id, task, seconds in rows:
        found[batch_id][task] = seconds or 0.0
    return found


def _executors(connection: Connection, batch_ids: Sequence[str]) -> dict[str, int]:
    """Batch → how many hosts had executors that did tasks of it; none is missing."""
    rows = fetch_all(
        connection,
        "SELECT batch_id, count(DISTINCT e.key) FROM ops.batch_task,"
        " LATERAL jsonb_each_text(metrics -> 'executors') AS e"
        " WHERE batch_id = ANY(%s) AND e.value::int > 0 GROUP BY batch_id",
        [[*batch_ids]],
    )
    return dict(rows)

"""What a run may say about its batch: the first line holds what matters, the rest is for reading.

A list of runs shows the first line of a note and cuts notes at some length, so that line names the
state, what was loaded and what was not, and of a failure its cause and the next step.
"""

from __future__ import annotations

from typing import Any

from assay.batch.states import (
    ABANDONED,
    BEFORE_COMMIT,
    DRY_RUN,
    EMPTY,
    OPEN,
    PUBLISHED,
    ROLLED_BACK,
    UNRELEASED,
    BatchState,
)
from assay.ledger.query import Connection, fetch_all
from assay.ledger.views.batches import count_records
from assay.words import count, on_one_line

NAMED_FILES = 3
LONGEST_CAUSE = 400
WAITING_DAYS = 30
MOST_COUNTED = 10_000  # the scheduler waits for the answer
# What a person can have done to a batch in one of these states; see the DAG batch_actions.
ACTIONS_IN = {
    **dict.fromkeys(BEFORE_COMMIT, "retry, reject-file or abandon, by the DAG batch_actions"),
    **dict.fromkeys(UNRELEASED, "retry it, or undo it by the DAG release_rollback"),
}
BATCH = """
    SELECT batch_id, state, error, summary ->> 'would_change' FROM ops.batch
    WHERE pipeline = %s AND run_id = %s
"""
WAITING_FILES = """
    SELECT DISTINCT file.source_file FROM ops.batch_slice AS file JOIN ops.batch USING (batch_id)
    WHERE batch.pipeline = %(pipeline)s AND file.verdict = 'rejected'
      AND file.seen_at > clock_timestamp() - make_interval(days => %(days)s)
      AND NOT EXISTS (
        SELECT FROM ops.batch_slice AS later
        WHERE later.dataset = file.dataset AND later.source_file = file.source_file
          AND later.verdict = 'accepted' AND later.seen_at >= file.seen_at)
    ORDER BY 1
"""
WAITING_ROWS = """
    SELECT count(*) FROM (
        SELECT FROM ops.quarantine_open
        WHERE dataset IN (
            SELECT split_part(jsonb_object_keys(contract_versions), '.', 2)
            FROM ops.batch WHERE batch_id = %(batch)s)
        LIMIT %(most)s
    ) AS row
"""
# The attempts of a run that has no batch: it was refused, or keeps house.
ATTEMPTS = """
    SELECT batch_id, error FROM ops.batch_task
    WHERE starts_with(batch_id, %(pipeline)s || '_')
      AND right(batch_id, 9) = '_' || left(encode(sha256(convert_to(%(run)s, 'UTF8')), 'hex'), 8)
    ORDER BY started_at DESC, epoch DESC LIMIT 1
"""
SUMMARIES = """
    SELECT summary FROM (
        SELECT DISTINCT ON (task_id) task_id, epoch, started_at, summary FROM ops.batch_task
        WHERE batch_id = %s AND summary <> '' ORDER BY task_id, epoch DESC
    ) AS task ORDER BY epoch, started_at
"""
JUDGED = """
    SELECT table_name, expectation, severity, overridden_by, override_reason,
           to_char(checked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS at
    FROM ops.validation_result AS verdict
    WHERE batch_id = %(batch)s AND NOT success AND (severity = 'warn' OR overridden)
      AND epoch = (SELECT max(epoch) FROM ops.validation_result AS newest
                   WHERE newest.batch_id = %(batch)s AND newest.layer = verdict.layer)
    ORDER BY overridden DESC, checked_at, table_name, expectation
"""


def next_step(connection: Connection, batch_id: str) -> str:
    """What a person can do now about a batch that failed; empty when there is nothing."""
    rows = fetch_all(connection, "SELECT state FROM ops.batch WHERE batch_id = %s", [batch_id])
    actions = ACTIONS_IN.get(rows[0][0]) if rows else None
    return f"Next: {actions}; batch {batch_id}" if actions else ""


def summary_of_run(connection: Connection, pipeline: str, run_id: str) -> str:
    """What became of the run, as lines; empty when the books have nothing of it."""
    rows = fetch_all(connection, BATCH, [pipeline, run_id])
    if not rows:
        return _summary_without_batch(connection, pipeline, run_id)
    batch_id, state, error, would_change = rows[0]
    first = _first_line(connection, batch_id, BatchState(state), error, would_change)
    lines = [
        first,
        f"batch {batch_id}",
        *_judged(connection, batch_id),
        *_actions(connection, batch_id),
        *_waiting(connection, pipeline, batch_id, first),
        *(f"- {line}" for line in _told_by_tasks(connection, batch_id)),
    ]
    return "\n".join(on_one_line(line) for line in lines)


def _summary_without_batch(connection: Connection, pipeline: str, run_id: str) -> str:
    rows = fetch_all(connection, ATTEMPTS, {"pipeline": pipeline, "run": run_id})
    if not rows:
        return ""
    batch_id, error = rows[0]
    first = [f"FAILED: {on_one_line(error, LONGEST_CAUSE)}"] if error else []
    told = "; ".join(on_one_line(line) for line in _told_by_tasks(connection, batch_id))
    return "\n".join(filter(None, [*first, told]))


def _first_line(
    connection: Connection,
    batch_id: str,
    state: BatchState,
    error: str | None,
    would_change: str | None,
) -> str:
    if state == ROLLED_BACK and error:
        return f"{state}{error.removeprefix('rolled back')}"
    if state == ABANDONED and error:
        return f"{state}{error.removeprefix('abandoned')}. Its files are pending again"
    if error:
        cause = f"{state}: {on_one_line(error, LONGEST_CAUSE)}"
        return " ".join(filter(None, [f"{cause}.", next_step(connection, batch_id)]))
    if state == DRY_RUN:
        return f"{state}: would change {would_change}" if would_change else state
    if state in OPEN:
        return f"{state}: the run has ended before its batch. {next_step(connection, batch_id)}"
    told = _loaded(connection, batch_id) if state == PUBLISHED else []
    told += ["nothing new"] if state == EMPTY else []
    told += _rejected(connection, batch_id)
    head = _state(connection, batch_id, state)
    return f"{head}: {'; '.join(told)}" if told else head


def _state(connection: Connection, batch_id: str, state: BatchState) -> str:
    rows = fetch_all(
        connection, "SELECT max(release_id) FROM ops.release WHERE batch_id = %s", [batch_id]
    )
    release = f" as release {rows[0][0]}" if rows[0][0] and state == PUBLISHED else ""
    overridden = " under an override" if _overridden(connection, batch_id) else ""
    return f"{state}{release}{overridden}"


def _overridden(connection: Connection, batch_id: str) -> bool:
    return any(row[3] for row in fetch_all(connection, JUDGED, {"batch": batch_id}))


def _loaded(connection: Connection, batch_id: str) -> list[str]:
    counts = count_records(connection, [batch_id])
    loaded = counts["new"] + counts["updated"]
    return [f"{count(loaded, 'row')} loaded", f"{counts['quarantined']:,} quarantined"]


def _rejected(connection: Connection, batch_id: str) -> list[str]:
    rows = fetch_all(
        connection,
        "SELECT source_file FROM ops.batch_slice WHERE batch_id = %s AND verdict = 'rejected'"
        " ORDER BY dataset, source_file",
        [batch_id],
    )
    if not rows:
        return []
    return [f"{count(len(rows), 'file')} rejected{_named(_shown(rows))}"]


def _shown(rows: list[tuple[Any, ...]]) -> list[str]:
    return [repr(on_one_line(name, 80)) for (name,) in rows]


def _named(files: list[str]) -> str:
    rest = [f"{len(files) - NAMED_FILES:,} more"] if len(files) > NAMED_FILES else []
    return f" ({', '.join([*files[:NAMED_FILES], *rest])})" if files else ""


def _waiting(connection: Connection, pipeline: str, batch_id: str, first: str) -> list[str]:
    """What of the pipeline waits for a person: rejected files, and quarantined records.

    No file is named that the first line of the note names.
    """
    files = fetch_all(connection, WAITING_FILES, {"pipeline": pipeline, "days": WAITING_DAYS})
    ((rows,),) = fetch_all(connection, WAITING_ROWS, {"batch": batch_id, "most": MOST_COUNTED})
    told = []
    if files:
        rejected = f"{count(len(files), 'file')} rejected in the last {WAITING_DAYS} days"
        told.append(f"{rejected}{_named([file for file in _shown(files) if file not in first])}")
    if rows:
        more = " or more" if rows == MOST_COUNTED else ""
        told.append(f"{count(rows, 'record')}{more} in quarantine")
    return [f"- waiting for a person: {'; '.join(told)}"] if told else []


def _judged(connection: Connection, batch_id: str) -> list[str]:
    """Overrides with who, when and why, and warnings, of the newest verdicts of each layer."""
    lines = []
    for table, name, _, who, why, at in fetch_all(connection, JUDGED, {"batch": batch_id}):
        word = f"overridden by {who} at {at} UTC ({why})" if who else "warning"
        lines.append(f"- {word}: {table}: {name}")
    return lines


def _actions(connection: Connection, batch_id: str) -> list[str]:
    """What people have had done to the batch, oldest first."""
    return [
        f"- {action}{f' {file!r}' if file else ''} by {who} at {at} UTC: {why}"
        for action, file, who, at, why in fetch_all(
            connection,
            "SELECT action, source_file, who,"
            " to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), why"
            " FROM ops.batch_action WHERE batch_id = %s ORDER BY action_id",
            [batch_id],
        )
    ]


def _told_by_tasks(connection: Connection, batch_id: str) -> list[Any]:
    return [summary for (summary,) in fetch_all(connection, SUMMARIES, [batch_id])]

"""The ledger: what the pipeline did, kept in the namespace `ops` of Postgres.

Every function takes a psycopg connection, in autocommit or not, and is atomic by itself.
"""

from __future__ import annotations

from assay.ledger.batches import (
    batch_state,
    batches_in_state,
    batches_under_way,
    committed_unreleased,
    current_generation,
    next_generation,
    record_dry_run,
    runs_before,
    set_batch_state,
    start_batch,
)
from assay.ledger.deliveries import (
    Delivery,
    HeldFile,
    batch_holding,
    deliveries,
    held_files,
    record_deliveries,
    unended_batches,
)
from assay.ledger.lease import require_epoch, take_epoch
from assay.ledger.progress import (
    fail_batch,
    is_built_upon,
    record_refusal,
    resume_batch,
    rules_of_commit,
    summary_of_run,
)
from assay.ledger.releases import (
    find_release,
    record_release,
    record_row_ledger,
    release_exists,
    released_tables,
    released_version,
    was_released,
)
from assay.ledger.reports import count_records
from assay.ledger.tasks import TaskAttempt, finish_task, start_task, task_summaries
from assay.ledger.verdicts import record_validation

__all__ = [
    "Delivery",
    "HeldFile",
    "TaskAttempt",
    "batch_holding",
    "batch_state",
    "batches_in_state",
    "batches_under_way",
    "committed_unreleased",
    "count_records",
    "current_generation",
    "deliveries",
    "fail_batch",
    "find_release",
    "finish_task",
    "held_files",
    "is_built_upon",
    "next_generation",
    "record_deliveries",
    "record_dry_run",
    "record_refusal",
    "record_release",
    "record_row_ledger",
    "record_validation",
    "release_exists",
    "released_tables",
    "released_version",
    "require_epoch",
    "resume_batch",
    "rules_of_commit",
    "runs_before",
    "set_batch_state",
    "start_batch",
    "start_task",
    "summary_of_run",
    "take_epoch",
    "task_summaries",
    "unended_batches",
    "was_released",
]

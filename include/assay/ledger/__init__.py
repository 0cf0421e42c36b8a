"""The ledger: what the pipeline did, kept in the namespace `ops` of Postgres.

Every function takes a psycopg connection, in autocommit or not, and is atomic by itself.
"""

from __future__ import annotations

from assay.ledger.actions import Action, record_action
from assay.ledger.batches import (
    RunOfBatch,
    batch_state,
    batches_in_state,
    open_batches,
    record_commit,
    record_dry_run,
    run_of_batch,
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
from assay.ledger.lease import overtake, raise_epoch, require_epoch, take_epoch
from assay.ledger.notes import next_step, summary_of_run
from assay.ledger.order import (
    batches_under_way,
    bronze_batches,
    commit_of,
    committed_unreleased,
    current_generation,
    generation_of,
    next_generation,
    runs_before,
    still_unreleased,
    was_overtaken,
)
from assay.ledger.progress import (
    fail_batch,
    is_built_upon,
    keep_error,
    resume_batch,
    rules_of_commit,
)
from assay.ledger.released import (
    are_released,
    has_standing_release,
    release_exists,
    released_silver,
    released_tables,
    released_version,
    was_made_anew,
    was_released,
)
from assay.ledger.releases import Release, find_release, record_release, release_of, untold_releases
from assay.ledger.rollbacks import is_rolling_back, require_no_rollback
from assay.ledger.row_ledger import record_row_ledger
from assay.ledger.tasks import TaskAttempt, finish_task, start_task, task_summaries
from assay.ledger.verdicts import newest_verdicts, record_validation, verdicts_in_force
from assay.ledger.views.batches import count_records

__all__ = [
    "Action",
    "Delivery",
    "HeldFile",
    "Release",
    "RunOfBatch",
    "TaskAttempt",
    "are_released",
    "batch_holding",
    "batch_state",
    "batches_in_state",
    "batches_under_way",
    "bronze_batches",
    "commit_of",
    "committed_unreleased",
    "count_records",
    "current_generation",
    "deliveries",
    "fail_batch",
    "find_release",
    "finish_task",
    "generation_of",
    "has_standing_release",
    "held_files",
    "is_built_upon",
    "is_rolling_back",
    "keep_error",
    "newest_verdicts",
    "next_generation",
    "next_step",
    "open_batches",
    "overtake",
    "raise_epoch",
    "record_action",
    "record_commit",
    "record_deliveries",
    "record_dry_run",
    "record_release",
    "record_row_ledger",
    "record_validation",
    "release_exists",
    "release_of",
    "released_silver",
    "released_tables",
    "released_version",
    "require_epoch",
    "require_no_rollback",
    "resume_batch",
    "rules_of_commit",
    "run_of_batch",
    "runs_before",
    "set_batch_state",
    "start_batch",
    "start_task",
    "still_unreleased",
    "summary_of_run",
    "take_epoch",
    "task_summaries",
    "unended_batches",
    "untold_releases",
    "verdicts_in_force",
    "was_made_anew",
    "was_overtaken",
    "was_released",
]

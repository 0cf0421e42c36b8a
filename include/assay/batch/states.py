"""The states of a batch: what they mean, and the one table of how it goes from one to another.

The ledger refuses what the table does not have; docs/architecture.md draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class BatchState(StrEnum):
    """Where a batch is on its way. The values are those of `ops.batch.state`."""

    RUNNING = "RUNNING"
    COMMITTING = "COMMITTING"
    COMMITTED = "COMMITTED"
    PUBLISHED = "PUBLISHED"
    EMPTY = "EMPTY"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"
    DRY_RUN = "DRY_RUN"
    ROLLED_BACK = "ROLLED_BACK"


RUNNING = BatchState.RUNNING
COMMITTING = BatchState.COMMITTING
COMMITTED = BatchState.COMMITTED
PUBLISHED = BatchState.PUBLISHED
EMPTY = BatchState.EMPTY
FAILED = BatchState.FAILED
ABANDONED = BatchState.ABANDONED
DRY_RUN = BatchState.DRY_RUN
ROLLED_BACK = BatchState.ROLLED_BACK

# state → what the batch may become → when. To be told its own state again changes nothing.
MOVES: Mapping[BatchState, Mapping[BatchState, str]] = {
    RUNNING: {
        COMMITTING: "the commit begins",
        FAILED: "a task fails",
        EMPTY: "nothing is to be done, or the run is refused",
        DRY_RUN: "the run is a dry run",
        ABANDONED: "a person gives it up",
    },
    FAILED: {
        RUNNING: "a retry goes on",
        COMMITTING: "a retry begins the commit",
        EMPTY: "a retry finds nothing to do, or its last file is rejected",
        DRY_RUN: "a retry of a dry run",
        ABANDONED: "a person gives it up",
    },
    EMPTY: {
        RUNNING: "accept_files looks again and finds files",
        FAILED: "a task fails after all",
    },
    COMMITTING: {
        COMMITTED: "the lake has it whole",
        RUNNING: "the commit was cut off before it wrote anything",
        PUBLISHED: "the same, of a batch that is released",
        ROLLED_BACK: "a person undoes it",
    },
    COMMITTED: {
        PUBLISHED: "the release",
        COMMITTING: "a retry commits anew",
        ROLLED_BACK: "a person undoes it",
    },
    PUBLISHED: {
        COMMITTING: "a cleared run commits anew",
        ROLLED_BACK: "a person takes the release back",
    },
    ABANDONED: {},
    DRY_RUN: {},
    ROLLED_BACK: {},
}

# The tables of the lake hold, or may hold, the rows of such a batch.
IN_LAKE = (COMMITTING, COMMITTED, PUBLISHED)
# They hold all of its rows.
WHOLE_IN_LAKE = (COMMITTED, PUBLISHED)
# They hold, or may hold, what readers do not see yet; nothing is committed on top of it.
UNRELEASED = (COMMITTING, COMMITTED)
# Nothing of it is in the lake, and it holds its files.
BEFORE_COMMIT = (RUNNING, FAILED)
# Something is left to be done, by a task or by a person.
OPEN = (*BEFORE_COMMIT, *UNRELEASED)
# It goes on by itself, unless it fails.
UNDER_WAY = (RUNNING, *UNRELEASED)
# Nothing is left to be done.
CLOSED = tuple(state for state in BatchState if state not in OPEN)
# No task goes on with it, for its files may belong to another batch by now.
GIVEN_UP = (ABANDONED, ROLLED_BACK)
# It was given up or only tried out, so the files that it accepted are not its own.
HOLDS_NOTHING = (*GIVEN_UP, DRY_RUN)
# It has accepted files that it may have to give back: of an ABANDONED one, when that was cut off.
MAY_GIVE_BACK = (*BEFORE_COMMIT, ABANDONED)
# Its accepted files belong in the archive, once they are not in use.
ARCHIVED = (PUBLISHED, ROLLED_BACK, EMPTY)

# What a task that goes on, or that fails, leaves as it is. A failure after the commit has begun
# leaves the batch where the next publish finds it.
KEPT_BY_RESUME = (EMPTY, DRY_RUN, *IN_LAKE)
KEPT_BY_FAILURE = (FAILED, DRY_RUN, *IN_LAKE)

_RETRY_OR_UNDO = (
    "the lake may hold its rows: bring it to its end with `assay batch retry {batch}`, or undo it"
    " with `assay release rollback --batch {batch} --why ...`, with --give-back-files to have its"
    " files taken again"
)
_RETRY_OR_GIVE_UP = (
    "go on with it by `assay batch retry {batch}`, or give its files back with `assay batch"
    " abandon {batch} --why ...`"
)
_REMEDIES = {
    **dict.fromkeys(BEFORE_COMMIT, _RETRY_OR_GIVE_UP),
    **dict.fromkeys(UNRELEASED, _RETRY_OR_UNDO),
    PUBLISHED: "undo it with `assay release rollback --batch {batch} --why ...`",
    **dict.fromkeys((EMPTY, *HOLDS_NOTHING), "trigger a new run"),
}


def refusal(batch_id: str, state: BatchState, asked: BatchState) -> str:
    """Why a batch cannot become what is asked, and the way out; empty when it can."""
    if asked == state or asked in MOVES[state]:
        return ""
    remedy = _REMEDIES[state].format(batch=batch_id)
    return f"{batch_id}: is {state}; {remedy}. It cannot become {asked}"

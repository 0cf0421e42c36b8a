"""What a person can have done to a stuck batch, from the DAG batch_actions or the command line.

Each action is kept in the books with who and why, and the note of the batch's run says what became
of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assay.airflow_client.runs import AirflowRuns
from assay.batch.plan import read_plan
from assay.batch.slices import LISTED, Slice, slice_named
from assay.batch.states import OPEN
from assay.errors import BatchError, SettingsError, StackError
from assay.ledger import (
    Action,
    batch_state,
    open_batches,
    record_action,
    run_of_batch,
    summary_of_run,
)
from assay.ledger.names import batches_named, several
from assay.ledger.query import Connection
from assay.ledger.stream_slices import count_slices_of_streams, recorded_slices
from assay.operations.abandon import abandon_batch
from assay.operations.reject_file import reject_file
from assay.operations.retry import retry_batch
from assay.settings import Settings
from assay.words import count, on_one_line


@dataclass(frozen=True)
class Asked:
    """One action on one batch; `file` is the name or the beginning of the sha256 of a file."""

    batch_id: str
    action: Action
    who: str
    why: str
    file: str = ""


def find_batch(connection: Connection, batch_id: str | None, pipeline: str | None) -> str:
    """The batch that is meant: by its id or a short one, or as the only open one of a pipeline.

    Raises BatchError when there is none, listing the open batches with their states, and when
    several are meant, listing these.
    """
    named = batches_named(connection, batch_id) if batch_id else []
    if batch_id and len(named) > 1:
        raise BatchError(several(batch_id, named))
    if named:
        return named[0]
    found = [
        (batch, f"{state}: {on_one_line(error, 80)}" if error else state)
        for batch, state, error in open_batches(connection, pipeline)
    ]
    if not batch_id and pipeline and len(found) == 1:
        return found[0][0]
    of = f" of {pipeline}" if pipeline else ""
    asked = f"{batch_id!r} is no batch" if batch_id else "name the batch"
    if not found:
        raise BatchError(f"{asked}; no batch{of} is open, so there is nothing to do")
    raise BatchError(f"{asked}; open{of}: {_listed([f'{b} ({told})' for b, told in found])}")


def act(settings: Settings, connection: Connection, asked: Asked) -> str:
    """Do what is asked; returns one line that says what was done.

    Raises BatchError when the batch is in no state for it, and SettingsError when a file is
    missing or needless.
    """
    if (asked.action == "reject-file") != bool(asked.file):
        raise SettingsError(
            f"file={asked.file!r}: reject-file needs the name or the sha256 of a file, "
            "the other actions take none"
        )
    if asked.action == "reject-file":
        asked = replace(asked, file=_find_file(settings, asked).source_file)
    told = _do(settings, connection, asked)
    record_action(
        connection,
        asked.batch_id,
        asked.action,
        who=asked.who,
        why=asked.why,
        source_file=asked.file or None,
    )
    return f"{asked.batch_id}: {told}{_note(settings, connection, asked)}"


def goes_on(connection: Connection, batch_id: str) -> bool:
    """Whether the batch has still something to do."""
    return batch_state(connection, batch_id) in OPEN


def _do(settings: Settings, connection: Connection, asked: Asked) -> str:
    batch_id = asked.batch_id
    if asked.action == "retry":
        return f"goes on from {retry_batch(settings, connection, batch_id)}"
    if asked.action == "abandon":
        files = abandon_batch(settings, connection, batch_id, asked.who, asked.why)
        slices = count_slices_of_streams(connection, batch_id)
        told = [count(files, "file")] if files or not slices else []
        told += [count(slices, "slice")] if slices else []
        verb = "is" if files + slices == 1 else "are"
        return f"abandoned; {' and '.join(told)} {verb} pending again"
    file = _find_file(settings, asked)
    name = reject_file(settings, connection, batch_id, file.slice_id, asked.why, file.dataset)
    is_kept = bool(recorded_slices(connection, [(file.dataset, file.slice_id)]))
    later = f"; it is of a stream: `assay stream readmit {file.dataset}` takes that back"
    return f"{name!r} was rejected{later if is_kept else ''}"


def _find_file(settings: Settings, asked: Asked) -> Slice:
    """The file of the batch that is meant. Raises BatchError, listing its files, if there is none.

    Content that came twice in one batch is listed once: the second was a duplicate.
    """
    files = read_plan(settings.batches / asked.batch_id / "plan.json").slices
    found, known = slice_named(files, asked.file)
    if found is None:
        raise BatchError(f"{asked.batch_id}: {asked.file!r} is not one of its files: {known}")
    return found


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - LISTED:,} more"] if len(names) > LISTED else []
    return ", ".join([*names[:LISTED], *more])


def _note(settings: Settings, connection: Connection, asked: Asked) -> str:
    """Have the batch's run say what became of it; that it could not is told, and no more."""
    run = run_of_batch(connection, asked.batch_id)
    summary = summary_of_run(connection, run.pipeline, run.run_id)
    if asked.action == "retry":
        head = f"RETRIED by {asked.who}: {asked.why}. The run goes on; its note tells its end"
        summary = "\n".join([head, *summary.splitlines()[1:]])
    try:
        AirflowRuns(settings, run.pipeline).set_note(run.run_id, summary)
    except StackError as error:
        return f" (the note of its run stays as it was: {error})"
    return ""

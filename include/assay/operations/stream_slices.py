"""Rejecting a slice of a stream, and taking that back.

Its file stays where the stream has put it: there is no sender who could deliver it once more.
"""

from __future__ import annotations

from assay.batch.slices import Slice, slice_named
from assay.contracts.pipelines import pipeline_carrying
from assay.errors import BatchError
from assay.intake.moves import hold_files
from assay.ledger import rejected_slices as books
from assay.ledger.query import Connection
from assay.ledger.stream_slices import unclaimed
from assay.publish.live import take_out_of_live
from assay.settings import Settings


def reject_pending(
    settings: Settings, connection: Connection, dataset: str, name: str, who: str, why: str
) -> str:
    """Reject a pending slice, parked or not; returns one line that says so.

    `name` is that of its file, or the beginning of its slice_id. Raises BatchError, listing the
    pending slices, when none or several are meant.
    """
    with hold_files(settings, pipeline_carrying(dataset).name):
        found = _find(unclaimed(connection, dataset), name, f"no pending slice of {dataset}")
        set_apart(connection, found, f"{why} (by {who})")
    return f"{found.slice_id}: rejected; no batch takes it, and live has none of its records"


def set_apart(connection: Connection, rejected: Slice, why: str) -> None:
    """Say in the books that a slice is rejected, and take its rows out of live, at once.

    A repeat changes nothing.
    """
    with connection.transaction():
        if books.reject_slice(connection, rejected.dataset, rejected.slice_id, why):
            take_out_of_live(connection, rejected.dataset, [rejected.slice_id])


def readmit(
    settings: Settings, connection: Connection, dataset: str, name: str, who: str, why: str
) -> str:
    """Have a rejected slice be pending again; returns one line that says so.

    `name` is as for `reject_pending`. Raises BatchError, listing the rejected slices, when none or
    several are meant.
    """
    with hold_files(settings, pipeline_carrying(dataset).name):
        rejected = books.rejected_slices(connection, dataset)
        found = _find(rejected, name, f"no rejected slice of {dataset}")
        told = f"readmitted by {who}: {why}"
        books.readmit_slice(connection, dataset, found.slice_id, told)
    return f"{found.slice_id}: pending again; the next release shows its records"


def _find(slices: list[Slice], name: str, nothing: str) -> Slice:
    found, known = slice_named(slices, name)
    if found is None:
        raise BatchError(f"{name!r} is {nothing}: {known}")
    return found

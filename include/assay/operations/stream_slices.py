"""Rejecting a slice of a stream, and taking that back.

Its file stays where the stream has put it: there is no sender who could deliver it once more.
"""

from __future__ import annotations

from assay.batch.slices import Slice, slice_named
from assay.contracts.pipelines import pipeline_carrying
from assay.errors import BatchError
from assay.intake.moves import hold_files, link_file, sync_folders
from assay.ledger import rejected_slices as books
from assay.ledger.query import Connection
from assay.ledger.stream_slices import unclaimed
from assay.publish.live import take_out_of_live
from assay.settings import Settings
from assay.storage.addresses import as_place
from assay.storage.objects import exists


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
    """Have a slice be pending again that was rejected, or whose release was rolled back without
    giving files back; returns one line that says so.

    `name` is as for `reject_pending`. Raises BatchError, listing the rejected slices, when none or
    several are meant.
    """
    with hold_files(settings, pipeline_carrying(dataset).name):
        rejected = books.rejected_slices(connection, dataset)
        found = _find(rejected, name, f"no rejected slice of {dataset}")
        _bring_back(connection, found)
        told = f"readmitted by {who}: {why}"
        books.readmit_slice(connection, dataset, found.slice_id, told)
    return f"{found.slice_id}: pending again; the next release shows its records"


def _bring_back(connection: Connection, taken: Slice) -> None:
    """Have the file be where the stream has put it; the archive keeps its copy."""
    place = as_place(taken.path)
    if exists(place):
        return
    location = books.last_location(connection, taken.dataset, taken.slice_id)
    if location is None or not exists(as_place(location)):
        raise BatchError(
            f"{taken.slice_id}: its file is neither at {taken.path} nor at {location}; put it back"
        )
    link_file(as_place(location), place)
    sync_folders([place])


def _find(slices: list[Slice], name: str, nothing: str) -> Slice:
    found, known = slice_named(slices, name)
    if found is None:
        raise BatchError(f"{name!r} is {nothing}: {known}")
    return found

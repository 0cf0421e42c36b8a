"""Giving the files of an abandoned batch back to landing, in steps that a repeat completes."""

from __future__ import annotations

from dataclasses import replace

from assay.batch.states import ABANDONED
from assay.intake.moves import move_file, sync_folders
from assay.intake.take import (
    batch_folders,
    give_back,
    place_in_landing,
    remove_taking,
    taken_files,
)
from assay.ledger import (
    Delivery,
    batch_holding,
    deliveries,
    record_deliveries,
    set_batch_state,
)
from assay.ledger.query import Connection
from assay.ledger.stream_slices import recorded_slices
from assay.settings import Settings
from assay.storage.addresses import Place, as_place
from assay.storage.objects import folders_in


def return_files(
    settings: Settings, connection: Connection, batch_id: str, who: str, why: str
) -> int:
    """Abandon a batch of which no attempt lives; to be called while the files are held."""
    set_batch_state(connection, batch_id, ABANDONED, error=f"abandoned by {who}: {why}")
    return complete_return(settings, connection, batch_id)


def complete_return(settings: Settings, connection: Connection, batch_id: str) -> int:
    """Give back what an abandoned batch still has, and return how many files that was."""
    returned = _return_taken(settings, batch_id)
    for delivery in _still_accepted(settings, connection, batch_id):
        source = as_place(delivery.location)
        dataset = dataset_of(settings, source)
        place = place_in_landing(settings, dataset, delivery.source_file, source)
        returned += move_file(source, place)
        sync_folders([source, place])
        record_deliveries(connection, batch_id, [replace(delivery, location=str(place))])
    return returned


def _return_taken(settings: Settings, batch_id: str) -> int:
    """Give back what was taken and never judged, because accept_files was cut off."""
    folders = batch_folders(settings, batch_id, dry_run=False)
    taken = taken_files(folders, folders_in(folders.taking))
    returned = sum(give_back(settings, file, folders) for file in taken)
    remove_taking(folders)
    return returned


def _still_accepted(settings: Settings, connection: Connection, batch_id: str) -> list[Delivery]:
    """Accepted files that no other batch has accepted since, and that are of no stream.

    The file of a stream's slice stays where it is: it is pending as soon as its batch has ended.
    """
    own = [
        delivery
        for delivery in deliveries(connection, batch_id)
        if delivery.verdict == "accepted"
        and as_place(delivery.location).is_relative_to(settings.accepted)
    ]
    contents = [(d.dataset, d.slice_id) for d in own]
    held = {
        *batch_holding(connection, contents, besides=batch_id),
        *recorded_slices(connection, contents),
    }
    return [delivery for delivery in own if (delivery.dataset, delivery.slice_id) not in held]


def dataset_of(settings: Settings, accepted: Place) -> str:
    """The dataset that an accepted file is of, by its place."""
    return accepted.relative_to(settings.accepted).parts[0]

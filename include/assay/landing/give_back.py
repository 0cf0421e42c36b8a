"""Files of batches that were rolled back: pending again, or in the archive."""

from __future__ import annotations

from dataclasses import replace

from assay.addresses import Place, as_place
from assay.landing.archive import archive_pipeline
from assay.landing.filenames import fit_name
from assay.landing.moves import hold_files, is_copy, move_file, sync_folders
from assay.ledger import Delivery, deliveries, record_deliveries
from assay.ledger.query import Connection
from assay.ledger.rollbacks import Rollback
from assay.objects import exists
from assay.settings import Settings


def settle_files(settings: Settings, connection: Connection, rollback: Rollback) -> int:
    """Move the accepted files of the batches to where the rollback says; a repeat completes it."""
    if not rollback.gives_back:
        return archive_pipeline(settings, connection, rollback.pipeline)
    with hold_files(settings, rollback.pipeline):
        return sum(
            give_back(settings, connection, batch_id, delivery)
            for batch_id in rollback.batches
            for delivery in deliveries(connection, batch_id)
            if delivery.verdict == "accepted"
            and not as_place(delivery.location).is_relative_to(settings.landing)
        )


def give_back(
    settings: Settings, connection: Connection, batch_id: str, delivery: Delivery
) -> bool:
    """Move one accepted file to landing, under its own name if that is free; False if gone."""
    source = as_place(delivery.location)
    place = settings.landing / delivery.dataset / delivery.source_file
    moved = exists(source)
    if moved:  # else an attempt that was cut off has moved it
        place = place_in_landing(settings, delivery.dataset, delivery.source_file, source)
        move_file(source, place)
        sync_folders([source, place])
    record_deliveries(connection, batch_id, [replace(delivery, location=str(place))])
    return moved


def place_in_landing(settings: Settings, dataset: str, name: str, source: Place) -> Place:
    """Where a file goes back to; a later delivery may have its name by now."""
    wanted = settings.landing / dataset / name
    place, number = wanted, 1
    while exists(place) and not is_copy(source, place):
        number += 1
        ending = "".join(wanted.suffixes)
        stem = wanted.name.removesuffix(ending)
        place = wanted.with_name(fit_name(stem, f".returned-{number}{ending}"))
    return place

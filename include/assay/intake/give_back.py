"""Files of batches that were rolled back: pending again, or in the archive."""

from __future__ import annotations

from dataclasses import replace

from assay.intake.archive import archive_pipeline
from assay.intake.moves import hold_files, move_file, sync_folders
from assay.intake.take import place_in_landing
from assay.ledger import Delivery, deliveries, record_deliveries
from assay.ledger.query import Connection
from assay.ledger.rollbacks import Rollback
from assay.settings import Settings
from assay.storage.addresses import as_place
from assay.storage.objects import exists


def settle_files(settings: Settings, connection: Connection, rollback: Rollback) -> int:
    """Move the accepted files of the batches to where the rollback says; a repeat completes it."""
    if not rollback.gives_back:
        return archive_pipeline(settings, connection, rollback.pipeline)
    with hold_files(settings, rollback.pipeline):
        return sum(
            _return_file(settings, connection, batch_id, delivery)
            for batch_id in rollback.batches
            for delivery in deliveries(connection, batch_id)
            if delivery.verdict == "accepted"
            and not as_place(delivery.location).is_relative_to(settings.landing)
        )


def _return_file(
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

"""Files of batches that were rolled back: pending again, or in the archive."""

from __future__ import annotations

from dataclasses import replace

from assay.batch.slices import Slice
from assay.intake.archive import archive_pipeline
from assay.intake.moves import hold_files, move_file, sync_folders
from assay.intake.take import place_in_landing
from assay.ledger import Delivery, deliveries, record_deliveries
from assay.ledger.query import Connection
from assay.ledger.rollbacks import Rollback
from assay.ledger.stream_slices import recorded_slices
from assay.settings import Settings
from assay.storage.addresses import Place, as_place
from assay.storage.objects import exists


def settle_files(settings: Settings, connection: Connection, rollback: Rollback) -> int:
    """Move the accepted files of the batches to where the rollback says; a repeat completes it."""
    if not rollback.gives_back:
        return archive_pipeline(settings, connection, rollback.pipeline)
    with hold_files(settings, rollback.pipeline):
        moved = 0
        for batch_id in rollback.batches:
            accepted = [d for d in deliveries(connection, batch_id) if d.verdict == "accepted"]
            contents = [(d.dataset, d.slice_id) for d in accepted]
            of_streams = recorded_slices(connection, contents)
            for delivery in accepted:
                recorded = of_streams.get((delivery.dataset, delivery.slice_id))
                place = _place_back(settings, delivery, recorded)
                if place:
                    moved += _return_file(connection, batch_id, delivery, place)
        return moved


def _place_back(settings: Settings, delivery: Delivery, recorded: Slice | None) -> Place | None:
    """Where a file goes: to landing, or where the stream has put it; None when it is there."""
    source = as_place(delivery.location)
    if recorded:
        return None if delivery.location == recorded.path else as_place(recorded.path)
    if source.is_relative_to(settings.landing):
        return None
    if exists(source):
        return place_in_landing(settings, delivery.dataset, delivery.source_file, source)
    return settings.landing / delivery.dataset / delivery.source_file


def _return_file(connection: Connection, batch_id: str, delivery: Delivery, place: Place) -> bool:
    """Move one accepted file back, and say where it is; False if an earlier attempt moved it."""
    source = as_place(delivery.location)
    moved = exists(source)
    if moved:
        move_file(source, place)
        sync_folders([source, place])
    record_deliveries(connection, batch_id, [replace(delivery, location=str(place))])
    return moved

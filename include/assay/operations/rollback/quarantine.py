"""Quarantine in a rollback: rows and movements as the earlier release had them."""

from __future__ import annotations

from collections.abc import Mapping

from assay.ledger.movements import restore_rows, undo_movements
from assay.ledger.query import Connection
from assay.ledger.rollbacks import Rollback
from assay.publish.staging import staging_of
from assay.publish.targets import Target


def put_quarantine_back(
    connection: Connection,
    rollback: Rollback,
    staged: Mapping[str, Target],
    generation: int,
) -> None:
    """Undo the movements of the batches that go, then have the rows of the generation again."""
    undo_movements(connection, rollback.batches)
    for dataset, target in staged.items():
        restore_rows(connection, staging_of(target), dataset, generation)

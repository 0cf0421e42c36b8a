"""Delta tables go back to a version by RESTORE, fenced like every other commit; without a JVM."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable

from assay import failpoints
from assay.errors import FencedError
from assay.events.event import TableRestored
from assay.events.sinks import emit
from assay.ledger.rollbacks import Rollback
from assay.settings import Settings
from assay.storage.delta_fence import fencing, put_fence
from assay.storage.delta_history import Commit, head


def restore_tables(settings: Settings, rollback: Rollback, epoch: int) -> None:
    """Bring every table of the rollback to its version; one that stands there is only fenced."""
    for table, version in rollback.versions.items():
        path = str(settings.lake / Path(*table.split(".")))
        newest = head(path)
        if newest.version > version and newest.batch_id != rollback.rollback_id:
            failpoints.reach(f"before restoring {table}")
            _restore(path, version, rollback, epoch)
            emit(TableRestored(table, version, as_version=head(path).version))
            failpoints.reach(f"after restoring {table}")
        else:
            put_fence(path, epoch)


def _restore(path: str, version: int, rollback: Rollback, epoch: int) -> None:
    newest = head(path)
    if newest.epoch > epoch:
        raise _overtaken(path, epoch, newest)
    fence = {
        "batch_id": rollback.rollback_id,
        "epoch": epoch,
        "manifest_hash": "",
        "contract_version": "",
        "digest": f"version {version}",
    }
    DeltaTable(path).restore(version, commit_properties=fencing(path, epoch, fence))
    newest = head(path)
    if (newest.batch_id, newest.epoch) != (rollback.rollback_id, epoch):
        raise _overtaken(path, epoch, newest)


def _overtaken(path: str, epoch: int, newest: Commit) -> FencedError:
    return FencedError(
        f"{path}: epoch {newest.epoch} of {newest.batch_id or 'nobody'} has written while the"
        f" rollback of epoch {epoch} was at it; run the rollback again"
    )

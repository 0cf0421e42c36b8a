"""A rollback from its first look to its last file; a repeat goes on where it was cut off.

stage → record → restore → one transaction in Postgres → files. Before the record nothing has moved,
and after it only the same rollback can go on.
"""

from __future__ import annotations

from typing import Any

import psycopg

from assay import failpoints, ledger
from assay.errors import BatchError
from assay.events.event import Progress, RolledBack
from assay.events.sinks import emit
from assay.intake.give_back import settle_files
from assay.ledger.rollbacks import (
    Rollback,
    open_rollback,
    set_rollback_state,
    start_rollback,
)
from assay.operations.rollback.reload import Reload, drop_reload, release_again, stage_reload
from assay.operations.rollback.request import Request, resolve
from assay.operations.rollback.restore import restore_tables
from assay.publish.stage import Connect, autocommit
from assay.settings import Settings
from assay.spark_runtime.submit import spark_lock


def roll_back(
    settings: Settings,
    connect: Connect,
    uri: str,
    pipeline: str,
    request: Request,
    epoch: int,
) -> Rollback:
    """Undo what came after a release, or the newest batch; returns what was done.

    `epoch` is the attempt's, so every older attempt of the pipeline is fenced; no Spark job of it
    begins meanwhile. Raises BatchError, with nothing moved, when it cannot be done.
    """
    with spark_lock(settings.locks / f"{pipeline}.lock", f"rollback epoch {epoch}"):
        with autocommit(connect) as connection:
            rollback = _find(settings, connection, pipeline, request, epoch)
            if rollback.state == "RESTORING":
                emit(Progress(describe(rollback)))
                reload = stage_reload(settings, connection, uri, rollback, epoch)
                try:
                    _move(settings, connect, rollback, reload, epoch)
                finally:
                    drop_reload(connect, reload)
        failpoints.reach("after the release of a rollback")
        with autocommit(connect) as connection:
            moved = settle_files(settings, connection, rollback)
            set_rollback_state(connection, rollback.rollback_id, "DONE")
    place = "landing, pending again" if rollback.gives_back else "the archive"
    emit(_done(rollback, moved, place))
    return rollback


def _done(rollback: Rollback, files: int, place: str) -> RolledBack:
    return RolledBack(
        pipeline=rollback.pipeline,
        to_release=rollback.to_release,
        batches=tuple(rollback.batches),
        files=files,
        place=place,
    )


def describe(rollback: Rollback) -> str:
    """One line for a person."""
    target = (
        f"release {rollback.to_release}" if rollback.to_release else "the time before its releases"
    )
    listed = ", ".join(rollback.batches) or "a commit that was made anew"
    return f"{rollback.pipeline} goes back to {target}, without {listed}"


def _find(
    settings: Settings,
    connection: psycopg.Connection[Any],
    pipeline: str,
    request: Request,
    epoch: int,
) -> Rollback:
    """The rollback that was cut off, if there is one, else what the request comes to."""
    standing = open_rollback(connection, pipeline)
    if standing is None:
        return resolve(settings, connection, pipeline, request, epoch)
    asked = request.to_release == standing.to_release or request.batch in standing.batches
    if not asked:
        raise BatchError(
            f"{standing.rollback_id}: must be completed first; it goes to release"
            f" {standing.to_release} without {', '.join(standing.batches)}"
        )
    return standing


def _move(
    settings: Settings,
    connect: Connect,
    rollback: Rollback,
    reload: Reload,
    epoch: int,
) -> None:
    with autocommit(connect) as connection, connection.transaction():
        ledger.require_epoch(connection, rollback.pipeline, epoch)
        if open_rollback(connection, rollback.pipeline) is None:
            start_rollback(connection, rollback)
    failpoints.reach("before restoring")
    restore_tables(settings, rollback, epoch)
    failpoints.reach("after restoring")
    with autocommit(connect) as connection, connection.transaction():
        ledger.require_epoch(connection, rollback.pipeline, epoch)
        release_again(settings, connection, rollback, reload)
        set_rollback_state(connection, rollback.rollback_id, "RELEASED")
        failpoints.reach("before COMMIT of a rollback")

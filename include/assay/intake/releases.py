"""Waiting for what is about to be released, so that it is summed up once and not twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from assay.events.event import Progress
from assay.events.sinks import emit
from assay.ledger import batches_under_way

PATIENCE = 120.0


def await_releases(
    connect: Callable[[], psycopg.Connection[Any]],
    datasets: Sequence[str],
    is_active: Callable[[str, str], bool],
    patience: float = PATIENCE,
) -> None:
    """Wait, up to `patience` seconds, for batches of these datasets that are under way.

    Their release starts a run of its own, so what is built from the release before is outdated as
    soon as it is there. A batch that failed is not waited for, nor one whose run is not active, as
    `is_active` says of its pipeline and run: a run that somebody deletes leaves its batch behind.
    """
    deadline = time.monotonic() + patience
    told: list[str] = []
    while True:
        with connect() as connection:
            found = batches_under_way(connection, datasets)
        due = [batch_id for batch_id, pipeline, run_id in found if is_active(pipeline, run_id)]
        if not due or time.monotonic() >= deadline:
            return
        if due != told:
            told = due
            listed = ", ".join(due)
            emit(Progress(f"waiting up to {patience:.0f} s for the release of {listed}"))
        time.sleep(1)

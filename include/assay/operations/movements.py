"""Having rows leave quarantine: replay, patch and waive, as runs that are asked for.

The batch of the run records the movements, with who asked for the run and why.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.batch.params import resolve_params
from assay.contracts.pipelines import pipeline_carrying
from assay.ledger.names import batch_named
from assay.ledger.query import Connection
from assay.ledger.views.quarantine import require_open_rows
from assay.operations.asked_by import for_person
from assay.settings import Settings


@dataclass(frozen=True)
class RunRequest:
    """A run to be started: of which DAG, and with which params."""

    dag_id: str
    conf: Mapping[str, object]


def replay(
    connection: Connection,
    dataset: str,
    who: str,
    *,
    batch: str | None = None,
    reason: str | None = None,
    why: str | None = None,
    dry_run: bool = False,
) -> RunRequest:
    """Judge open rows of a dataset by today's rules; None means of all batches, for all reasons.

    Raises BatchError when nothing is in quarantine or the batch is unknown, and SettingsError when
    a param is refused.
    """
    rows = _rows_of(connection, dataset, batch, reason)
    conf = {"source": "quarantine", **rows, "movement_reason": why, "dry_run": dry_run}
    return _request(connection, dataset, who, conf)


def waive(
    connection: Connection,
    dataset: str,
    who: str,
    why: str,
    *,
    batch: str | None = None,
    reason: str | None = None,
) -> RunRequest:
    """Leave open rows out for good; which ones, and what is raised, as in `replay`."""
    rows = _rows_of(connection, dataset, batch, reason)
    return _request(connection, dataset, who, {"source": "waive", **rows, "movement_reason": why})


def patch(
    settings: Settings, connection: Connection, dataset: str, file: Path, who: str, why: str
) -> RunRequest:
    """Deliver corrected records to landing, to take the place of open rows.

    Raises what `replay` does, and BatchError when the file is not a patch.
    """
    from assay.quarantine.patches import deliver_patch  # brings Arrow

    conf = {"source": "patch", "movement_reason": why}
    resolve_params(conf)  # before anything is delivered
    name = deliver_patch(settings, dataset, file)
    return _request(connection, dataset, who, conf | {"landing_glob": glob.escape(name)})


def _rows_of(
    connection: Connection, dataset: str, batch: str | None, reason: str | None
) -> dict[str, str | None]:
    return {
        "quarantine_dataset": dataset,
        "quarantine_batch": batch and batch_named(connection, batch),
        "quarantine_reason": reason,
    }


def _request(
    connection: Connection, dataset: str, who: str, conf: Mapping[str, object]
) -> RunRequest:
    resolve_params(conf)
    require_open_rows(connection, dataset)
    return RunRequest(pipeline_carrying(dataset).name, for_person(conf, who))

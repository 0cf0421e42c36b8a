"""Adopting a lake: a pipeline goes on with tables whose log is ahead of its lease.

So it is when its DAG was renamed, a dataset came from another pipeline, or the books are from a
backup: Delta then takes each commit for one that was overtaken.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from assay import ledger
from assay.batch.states import OPEN
from assay.contracts.folders import contract_path
from assay.contracts.load import gold_contracts
from assay.errors import BatchError, SettingsError
from assay.ledger.adoption import (
    datasets_of_batches,
    hand_over,
    record_adoption,
    running_task,
)
from assay.settings import Settings


@dataclass(frozen=True)
class Adoption:
    """What was found and done. `tables` maps each table to its version and highest epoch."""

    pipeline: str
    datasets: list[str]
    epoch_before: int
    epoch: int
    took_over: int = 0
    tables: dict[str, tuple[int, int]] = field(default_factory=dict)


def adopt_lake(
    settings: Settings,
    connection: psycopg.Connection[Any],
    pipeline: str,
    who: str,
    *,
    datasets: Sequence[str] = (),
    renamed_from: str = "",
) -> Adoption:
    """Raise the lease of the pipeline above every epoch in the logs of its tables.

    With `renamed_from`, batches and releases of a pipeline that has another name now become its
    own. Raises BatchError while a task of a batch runs, and SettingsError for what is unknown.
    """
    with connection.transaction():
        for name in filter(None, (pipeline, renamed_from)):
            _refuse_running(connection, name)
        known = sorted(datasets) or _known_datasets(connection, [pipeline, renamed_from])
        taken, held = _take_over(connection, renamed_from, pipeline) if renamed_from else (0, 0)
        tables = _epochs_of(settings, known)
        if not tables:
            raise SettingsError(f"{pipeline}: {settings.lake} has no table of {', '.join(known)}")
        highest = max(held, *(epoch for _, epoch in tables.values()))
        before, now = ledger.raise_epoch(connection, pipeline, highest, f"adopted by {who}")
        for table, (version, epoch) in tables.items():
            record_adoption(connection, pipeline, table, version, epoch, who)
    return Adoption(pipeline, known, before, now, taken, tables)


def _refuse_running(connection: psycopg.Connection[Any], pipeline: str) -> None:
    running = running_task(connection, pipeline)
    if running:
        batch_id, task_id = running
        raise BatchError(
            f"{batch_id}: its task {task_id} runs; pause the DAG and let it end, or end it and run"
            f" `assay batch abandon {batch_id}`"
        )


def _known_datasets(connection: psycopg.Connection[Any], pipelines: Sequence[str]) -> list[str]:
    """Those of the pipeline's batches, else the one that it is named after."""
    known = datasets_of_batches(connection, pipelines)
    named = [name for name in pipelines if name and contract_path("silver", name).is_file()]
    found = known or named[:1]
    if not found:
        raise SettingsError(
            f"{pipelines[0]}: no batch says what its datasets are; name each with --dataset"
        )
    return found


def _take_over(connection: psycopg.Connection[Any], old: str, pipeline: str) -> tuple[int, int]:
    """Give the books of a pipeline to the one that goes on: how many batches, and its epoch."""
    for batch_id in ledger.batches_in_state(connection, old, OPEN)[:1]:
        state = ledger.batch_state(connection, batch_id)
        raise BatchError(
            f"{batch_id}: is {state}, and its plan names {old}; bring it to its end under that"
            " name, or abandon it"
        )
    taken, epoch = hand_over(connection, old, pipeline)
    if not taken:
        raise SettingsError(f"{old}: there is no batch of a pipeline of this name")
    return taken, epoch


def _epochs_of(settings: Settings, datasets: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Version and highest epoch of each table that is there, by table."""
    for dataset in datasets:
        if not contract_path("silver", dataset).is_file():
            raise SettingsError(f"{dataset!r}: there is no such dataset; see docs/datasets.md")
    layers = ("bronze", "quarantine", "silver")
    names = [f"{layer}.{dataset}" for dataset in datasets for layer in layers]
    names += [contract.table for contract in gold_contracts(datasets)]
    found = {}
    for name in names:
        try:
            table = DeltaTable(settings.lake.joinpath(*name.split(".")))
        except TableNotFoundError:
            continue
        epochs = [_epoch(entry.get("userMetadata")) for entry in table.history()]
        found[name] = table.version(), max(epochs, default=0)
    return found


def _epoch(metadata: object) -> int:
    try:
        return int(json.loads(str(metadata or "{}")).get("epoch", 0))
    except (ValueError, AttributeError):
        return 0

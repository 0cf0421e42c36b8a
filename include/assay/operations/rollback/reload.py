"""Postgres in a rollback: what the earlier release showed, loaded anew in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from deltalake.exceptions import DeltaError

from assay import ledger
from assay.batch.results import epochs_of
from assay.batch.stage_results import read_commit
from assay.batch.states import PUBLISHED
from assay.contracts.columns import Column
from assay.contracts.lineage import LINEAGE
from assay.contracts.load import load_contract
from assay.errors import BatchError
from assay.events.event import TableStaged
from assay.events.sinks import emit
from assay.ledger.released import stands_after
from assay.ledger.rollbacks import Rollback, take_back
from assay.ledger.row_ledger import batches_in_row_ledger
from assay.ledger.stream_slices import take_slices_back
from assay.operations.rollback.quarantine import put_quarantine_back
from assay.publish.live import leave_live
from assay.publish.measures import measure_delta, measure_postgres
from assay.publish.quarantine import COLUMNS, check_conservation
from assay.publish.reconciliation import Measures, check_same, require_equal
from assay.publish.release import TRANSACTION_SETTINGS, apply_target
from assay.publish.stage import Connect, autocommit
from assay.publish.staging import drop_staging, require_whole, stage
from assay.publish.targets import Target, gold_measures
from assay.settings import Settings

QUARANTINE = (*COLUMNS, Column("batch_id"))


@dataclass
class Reload:
    """What is loaded anew, staged, and what Delta measures of it; empty when readers see it yet."""

    targets: list[Target] = field(default_factory=list)
    quarantine: dict[str, Target] = field(default_factory=dict)
    measured: dict[str, Measures] = field(default_factory=dict)


def stage_reload(
    settings: Settings,
    connection: psycopg.Connection[Any],
    uri: str,
    rollback: Rollback,
    epoch: int,
) -> Reload:
    """Copy the tables at their versions into staging. Raises BatchError when one is unreadable."""
    reload = Reload()
    if not stands_after(connection, rollback.pipeline, rollback.to_release):
        return reload  # what is undone was never released
    try:
        for target in _served(settings, rollback):
            reload.targets.append(stage(connection, uri, target, epoch))
            path, version = target.reload or ("", 0)
            reload.measured[target.table] = measure_delta(path, version, target.measured)
            emit(TableStaged(target.table, _rows(reload.targets[-1])))
        for dataset, target in _quarantined(settings, rollback).items():
            reload.quarantine[dataset] = stage(connection, uri, target, epoch)
    except (DeltaError, OSError, psycopg.Error) as error:
        drop_reload(lambda: connection, reload)
        raise BatchError(
            f"{rollback.pipeline} cannot go back to release {rollback.to_release}: a table cannot"
            f" be read at its version of then ({str(error).splitlines()[0]}); nothing was moved."
            " Tables keep what they were for the retention_days of their contracts: choose a newer"
            " release"
        ) from error
    return reload


def _served(settings: Settings, rollback: Rollback) -> Iterator[Target]:
    for table, version in rollback.versions.items():
        layer, name = table.split(".")
        if layer not in ("silver", "gold"):
            continue
        contract = load_contract("silver" if layer == "silver" else "gold", name)
        served = contract.serving if layer == "silver" else contract.table
        if served:
            yield Target(
                table=served,
                source=table,
                keys=contract.keys,
                columns=(*contract.columns, *(LINEAGE if layer == "silver" else ())),
                measured=tuple(contract.money) if layer == "silver" else gold_measures(contract),
                files=(),
                has_deletions=False,
                replaces_all=True,
                reload=(str(settings.lake / Path(layer, name)), version),
            )


def _quarantined(settings: Settings, rollback: Rollback) -> dict[str, Target]:
    return {
        table.split(".")[1]: Target(
            table="ops.quarantine_row",
            source="",
            keys=("row_id",),
            columns=QUARANTINE,
            measured=(),
            files=(),
            has_deletions=False,
            replaces_all=False,
            reload=(str(settings.lake / Path(*table.split("."))), version),
            staged_as=f"quarantine_{table.split('.')[1]}",
        )
        for table, version in rollback.versions.items()
        if table.startswith("quarantine.")
    }


def _rows(target: Target) -> int:
    return target.staged.rows if target.staged else 0


def release_again(
    settings: Settings,
    connection: psycopg.Connection[Any],
    rollback: Rollback,
    reload: Reload,
) -> None:
    """The transaction: readers, books and quarantine are those of the earlier release again."""
    for name, value in TRANSACTION_SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, true)", [name, value])
    release = ledger.release_of(connection, rollback.to_release)
    counts = release.counts if release else {}
    for target in (*reload.targets, *reload.quarantine.values()):
        require_whole(connection, target)
    for target in reload.targets:
        apply_target(connection, target)
        found = measure_postgres(connection, target.table, target.measured)
        check_same(target.table, found, target.source, reload.measured[target.table])
        if target.table in counts:
            what = f"rows of {target.table} = those of release {rollback.to_release}"
            require_equal(what, int(found["rows"]), counts[target.table])
    is_made_anew = release and ledger.was_made_anew(connection, release)
    take_back(connection, rollback)
    for batch_id in rollback.batches:
        if rollback.gives_back:
            take_slices_back(connection, batch_id)
        else:  # what a stream has shown of it is set aside too
            leave_live(connection, batch_id)
    if release and is_made_anew:
        _settle_batch_again(settings, connection, release)
    generation = release.generation if release else 1
    put_quarantine_back(connection, rollback, reload.quarantine, generation)
    check_conservation(connection, batches_in_row_ledger(connection, rollback.pipeline))


def _settle_batch_again(
    settings: Settings, connection: psycopg.Connection[Any], release: ledger.Release
) -> None:
    """A batch that was committed anew since has the ledger of its earlier commit again."""
    batch_id = release.batch_id
    ledger.set_batch_state(connection, batch_id, PUBLISHED)
    folder = str(settings.batches / batch_id)
    for epoch in sorted(epochs_of(folder, "commit"), reverse=True):
        commit = read_commit(folder, epoch)
        if commit.versions == release.versions:
            for dataset, built in commit.silver.items():
                ledger.record_row_ledger(
                    connection,
                    batch_id=batch_id,
                    dataset=dataset,
                    generation=release.generation,
                    classes=built.classes,
                )
            return
    raise BatchError(f"{folder}: no result of the commit that release {release.release_id} is of")


def drop_reload(connect: Connect, reload: Reload) -> None:
    """Drop what was staged, if the connection allows; the next staging drops the rest."""
    with suppress(psycopg.Error), autocommit(connect) as connection:
        for target in (*reload.targets, *reload.quarantine.values()):
            if target.staged:
                drop_staging(connection, target.staged.name)

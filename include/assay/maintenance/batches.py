"""What ended batches leave behind: change sets, archived files, the history of their runs.

The ledger in Postgres, plans and results stay: publish, verify and later batches read them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from assay.batch.states import PUBLISHED
from assay.contracts.folders import contract_path
from assay.contracts.load import load_contract
from assay.intake.moves import hold_files
from assay.ledger.archived import OldFile, old_files, record_removal
from assay.ledger.feeds import datasets_by_pipeline, datasets_seen
from assay.ledger.query import Connection
from assay.ledger.refusals import old_duplicates, record_duplicate_gone
from assay.ledger.spent import ended_batches, spent_batches
from assay.settings import Settings
from assay.storage.addresses import as_place
from assay.storage.objects import remove
from assay.words import count

# What the stages of a batch hand to one another, below its folder; `ahead` of earlier versions.
WORK_FOLDERS = ("silver", "gold", "ahead", "scratch")


def purge_work(settings: Settings, connection: Connection, days: int, *, dry_run: bool) -> str:
    """Remove change sets, candidates and scratch lakes of batches that ended `days` ago."""
    batches = spent_batches(connection, days)
    folders = [settings.batches / batch_id / name for batch_id in batches for name in WORK_FOLDERS]
    return f"work folders: {_remove(folders, dry_run=dry_run)}"


def trim_archive(settings: Settings, connection: Connection, *, dry_run: bool) -> str:
    """Remove archived files that their bronze contract does not keep any longer."""
    removed = 0
    for dataset in _datasets(connection):
        days = load_contract("bronze", dataset).archive_days
        if days is not None:
            for file in old_files(connection, dataset, f"{settings.archive}/", days):
                removed += 1
                if not dry_run:
                    _remove_file(settings, connection, file)
            for duplicate in old_duplicates(connection, dataset, f"{settings.archive}/", days):
                removed += 1
                if not dry_run:
                    record_duplicate_gone(connection, duplicate.refusal_id)
                    remove(as_place(duplicate.location))
    return f"archive: {count(removed, 'file')} {'to remove' if dry_run else 'removed'}"


def trim_history(settings: Settings, connection: Connection, *, dry_run: bool) -> str:
    """Remove the pages about old batches, and the folders of those that brought nothing in."""
    folders: list[Path] = []
    for pipeline, days in _history_days(connection).items():
        for batch in ended_batches(connection, pipeline, days):
            folders.append(settings.data_docs / batch.batch_id)
            if batch.state != PUBLISHED:
                folders.append(settings.batches / batch.batch_id)
    return f"history: {_remove(folders, dry_run=dry_run)}"


def _datasets(connection: Connection) -> list[str]:
    """Every dataset of which files have been seen and that still has a contract."""
    seen = datasets_seen(connection)
    return [name for name in seen if contract_path("bronze", name).is_file()]


def _history_days(connection: Connection) -> dict[str, int]:
    """The longest time that contracts of a pipeline ask for, by pipeline, if each of them does."""
    known = _datasets(connection)
    asked = {
        pipeline: [
            load_contract("bronze", dataset).history_days if dataset in known else None
            for dataset in datasets
        ]
        for pipeline, datasets in datasets_by_pipeline(connection).items()
    }
    return {
        pipeline: max(day for day in days if day)
        for pipeline, days in asked.items()
        if None not in days
    }


def _remove(folders: Iterable[Path], *, dry_run: bool) -> str:
    found = [folder for folder in folders if folder.is_dir()]
    size = sum(p.stat().st_size for folder in found for p in folder.rglob("*") if p.is_file())
    if not dry_run:
        for folder in found:
            shutil.rmtree(folder)
    verb = "to remove" if dry_run else "removed"
    return f"{count(len(found), 'folder')} {verb}, {size / 1e6:,.1f} MB"


def _remove_file(settings: Settings, connection: Connection, file: OldFile) -> None:
    """Say so first: a file that is there and told to be gone harms less than the opposite."""
    with hold_files(settings, file.pipeline):
        record_removal(connection, file)
        remove(as_place(file.location))

"""What ended batches leave behind: change sets, archived files, the history of their runs.

The ledger in Postgres, plans and results stay: publish, verify and later batches read them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg

from assay.batch.states import CLOSED, EMPTY, HOLDS_NOTHING, PUBLISHED, ROLLED_BACK
from assay.contracts.folders import contract_path
from assay.contracts.load import load_contract
from assay.intake.moves import hold_files
from assay.ledger.query import fetch_all
from assay.settings import Settings
from assay.storage.addresses import as_place
from assay.storage.objects import remove
from assay.words import count

# What the stages of a batch hand to one another, below its folder.
WORK_FOLDERS = ("silver", "gold", "ahead", "scratch")
# The newest batch of a pipeline can be committed again, from its change set.
BUILT_UPON = """EXISTS (
    SELECT FROM ops.batch AS later
    WHERE later.pipeline = batch.pipeline AND later.commit_epoch > batch.commit_epoch
      AND later.state <> %(rolled_back)s
)"""
SPENT_BATCHES = f"""
    SELECT batch_id FROM ops.batch AS batch
    WHERE finished_at < clock_timestamp() - make_interval(days => %(days)s)
      AND (state = ANY(%(holds_nothing)s)
           OR state = %(published)s AND {BUILT_UPON} AND NOT EXISTS (
               SELECT FROM ops.release WHERE release.batch_id = batch.batch_id
                 AND released_at >= clock_timestamp() - make_interval(days => %(days)s)))
    ORDER BY batch_id
"""  # noqa: S608  # constants of our own
OLD_FILES = f"""
    SELECT batch.pipeline, file.batch_id, file.slice_id, file.source_file, file.location
    FROM ops.batch_slice AS file JOIN ops.batch AS batch USING (batch_id)
    WHERE file.dataset = %(dataset)s AND file.removed_at IS NULL
      AND starts_with(file.location, %(archive)s)
      AND file.seen_at < clock_timestamp() - make_interval(days => %(days)s)
      AND (file.verdict = 'duplicate' OR batch.state = %(empty)s
           OR batch.state = %(published)s AND {BUILT_UPON})
    ORDER BY file.batch_id, file.location
"""  # noqa: S608  # constants of our own
ENDED_BATCHES = """
    SELECT batch_id, state, pipeline FROM ops.batch
    WHERE state = ANY(%(closed)s)
      AND finished_at < clock_timestamp() - make_interval(days => %(days)s)
      AND pipeline = %(pipeline)s
"""
STATES = {
    "closed": [*CLOSED],
    "empty": EMPTY,
    "holds_nothing": [*HOLDS_NOTHING],
    "published": PUBLISHED,
    "rolled_back": ROLLED_BACK,
}
Connection = psycopg.Connection[Any]


def purge_work(settings: Settings, connection: Connection, days: int, *, dry_run: bool) -> str:
    """Remove change sets, candidates and scratch lakes of batches that ended `days` ago."""
    batches = fetch_all(connection, SPENT_BATCHES, {**STATES, "days": days})
    folders = [
        settings.batches / batch_id / name for (batch_id,) in batches for name in WORK_FOLDERS
    ]
    return f"work folders: {_remove(folders, dry_run=dry_run)}"


def trim_archive(settings: Settings, connection: Connection, *, dry_run: bool) -> str:
    """Remove archived files that their bronze contract does not keep any longer."""
    removed = 0
    for dataset in _datasets(connection):
        days = load_contract("bronze", dataset).archive_days
        if days is not None:
            asked = {"dataset": dataset, "days": days, "archive": f"{settings.archive}/", **STATES}
            for row in fetch_all(connection, OLD_FILES, asked):
                removed += 1
                if not dry_run:
                    _remove_file(settings, connection, dataset, *row)
    return f"archive: {count(removed, 'file')} {'to remove' if dry_run else 'removed'}"


def trim_history(settings: Settings, connection: Connection, *, dry_run: bool) -> str:
    """Remove the pages about old batches, and the folders of those that brought nothing in."""
    folders: list[Path] = []
    for pipeline, days in _history_days(connection).items():
        for batch_id, state, _ in fetch_all(
            connection, ENDED_BATCHES, {**STATES, "days": days, "pipeline": pipeline}
        ):
            folders.append(settings.data_docs / batch_id)
            if state != PUBLISHED:
                folders.append(settings.batches / batch_id)
    return f"history: {_remove(folders, dry_run=dry_run)}"


def _datasets(connection: Connection) -> list[str]:
    """Every dataset of which files have been seen and that still has a contract."""
    rows = fetch_all(connection, "SELECT DISTINCT dataset FROM ops.batch_slice ORDER BY 1", [])
    return [name for (name,) in rows if contract_path("bronze", name).is_file()]


def _history_days(connection: Connection) -> dict[str, int]:
    """The longest time that contracts of a pipeline ask for, by pipeline, if each of them does."""
    known = _datasets(connection)
    rows = fetch_all(
        connection,
        "SELECT DISTINCT pipeline, dataset FROM ops.batch_slice JOIN ops.batch USING (batch_id)",
        [],
    )
    asked: dict[str, list[int | None]] = {}
    for pipeline, dataset in rows:
        days = load_contract("bronze", dataset).history_days if dataset in known else None
        asked.setdefault(pipeline, []).append(days)
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


def _remove_file(
    settings: Settings,
    connection: Connection,
    dataset: str,
    pipeline: str,
    batch_id: str,
    slice_id: str,
    source_file: str,
    location: str,
) -> None:
    """Say so first: a file that is there and told to be gone harms less than the opposite."""
    with hold_files(settings, pipeline):
        connection.execute(
            "UPDATE ops.batch_slice SET removed_at = clock_timestamp()"
            " WHERE batch_id = %s AND dataset = %s AND slice_id = %s AND source_file = %s",
            [batch_id, dataset, slice_id, source_file],
        )
        remove(as_place(location))

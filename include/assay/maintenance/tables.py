"""Which tables there are to keep, and which of their versions somebody may still read."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import psycopg

from assay.batch.plan import read_plan
from assay.batch.stage_results import read_commit, read_gold, read_silver
from assay.contracts.folders import contract_path
from assay.contracts.load import load_contract
from assay.contracts.model import Contract, Layer
from assay.errors import BatchError
from assay.ledger import open_batches
from assay.ledger.releases import versions_of_releases
from assay.settings import Settings
from assay.storage.files import write_whole


@dataclass(frozen=True)
class TableUpkeep:
    """One table: its place, the pipelines that write it, the versions that must stay readable."""

    table: str
    path: str
    pipelines: tuple[str, ...]
    versions: tuple[int, ...]


@dataclass(frozen=True)
class Request:
    """What one job of maintenance is asked to do."""

    tables: tuple[TableUpkeep, ...]
    locks: str
    dry_run: bool


def write_request(request: Request, path: Path) -> None:
    write_whole(path, json.dumps(dataclasses.asdict(request), indent=1))


def read_request(path: Path | str) -> Request:
    facts: dict[str, Any] = json.loads(Path(path).read_text())
    return Request(**{**facts, "tables": tuple(TableUpkeep(**each) for each in facts["tables"])})


def contract_of(table: str) -> Contract:
    """The contract that a table is kept by; quarantine is kept like the silver of its dataset."""
    layer, name = table.split(".")
    known: dict[str, Layer] = {each: each for each in get_args(Layer)}
    return load_contract(known.get(layer, "silver"), name)


def plan_upkeep(settings: Settings, connection: psycopg.Connection[Any]) -> list[TableUpkeep]:
    """Every table that has been released and has a contract, and bronze of every dataset."""
    history: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    writers: dict[str, set[str]] = defaultdict(set)
    for pipeline, released_at, versions in versions_of_releases(connection):
        for table, version in versions.items():
            history[table].append((released_at, version))
            writers[table].add(pipeline)
    for table in [*history]:
        if table.startswith("silver."):
            bronze = table.replace("silver.", "bronze.", 1)
            history[bronze], writers[bronze] = [], writers[table]
    in_use = _versions_in_use(settings, connection)
    return [
        TableUpkeep(
            table=table,
            path=f"{settings.lake}/{table.replace('.', '/')}",
            pipelines=tuple(sorted(writers[table])),
            versions=tuple(sorted(in_use[table] | retained(history[table], contract_of(table)))),
        )
        for table in sorted(history)
        if _has_contract(table)
    ]


def _has_contract(table: str) -> bool:
    layer, name = table.split(".")
    return contract_path("silver" if layer == "quarantine" else layer, name).is_file()


def retained(history: list[tuple[datetime, int]], contract: Contract) -> set[int]:
    """The versions of all releases of the last days, and of the one that stood before them."""
    since = datetime.now(UTC) - timedelta(days=contract.retention_days)
    before = [version for at, version in history if at < since]
    return {version for at, version in history if at >= since} | {*before[-1:]}


def _versions_in_use(
    settings: Settings, connection: psycopg.Connection[Any]
) -> dict[str, set[int]]:
    """What batches that have not ended were built on, and what they have committed."""
    found: dict[str, set[int]] = defaultdict(set)
    for batch_id, _, _ in open_batches(connection, None):
        folder = settings.batches / batch_id
        if (folder / "plan.json").is_file():
            for table, version in _versions_of_batch(folder):
                found[table].add(version)
    return found


def _versions_of_batch(folder: Path) -> Iterator[tuple[str, int]]:
    given = read_plan(folder / "plan.json").input
    for dataset, version in given.silver_versions().items():
        yield f"silver.{dataset}", version
    with suppress(BatchError):  # which says how far the batch has come
        for dataset, built in read_silver(str(folder)).datasets.items():
            yield f"silver.{dataset}", built.base_version
    with suppress(BatchError):
        for name, table in read_gold(str(folder)).tables.items():
            yield f"gold.{name}", table.base_version
    with suppress(BatchError):
        yield from read_commit(str(folder)).versions.items()

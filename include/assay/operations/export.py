"""Exports of released tables to files, streamed from Delta by version, without a JVM.

A file holds the table exactly as a release showed it, whatever was committed since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from assay import ledger
from assay.contracts.folders import contract_names
from assay.contracts.lineage import LINEAGE, name_in_lake
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.errors import ExportError
from assay.ledger.query import Connection
from assay.operations.export_formats import WRITERS, Format, write_file
from assay.settings import Settings
from assay.storage.files import written_whole

Progress = Callable[[str, int], None]
LAYERS: tuple[Literal["gold", "silver"], ...] = ("gold", "silver")


@dataclass(frozen=True)
class Export:
    """One written file: `release_id` is the release that brought the version in."""

    table: str
    release_id: int
    version: int
    rows: int
    path: Path


def export_table(
    settings: Settings,
    connection: Connection,
    table: str,
    file_format: str,
    out: Path,
    *,
    as_of: int | None = None,
    progress: Progress | None = None,
) -> Export:
    """Write one released table to `<out>/<table>.release-<release>.<format>`.

    `as_of` is the release that was the newest one at the time that is asked for; default now.
    Raises ExportError for an unknown table, release or format, and when nothing is released.
    """
    contract, form = _find_contract(table), _check_format(file_format)
    if as_of is not None and not ledger.release_exists(connection, as_of):
        raise ExportError(f"release {as_of}: no such release; ops.release lists them")
    released = ledger.released_version(connection, table, as_of)
    if released is None:
        when = "yet; run its DAG first" if as_of is None else f"up to release {as_of}"
        raise ExportError(f"{table} is not in any release {when}")
    release_id, version = released
    path = out / f"{table}.release-{release_id}.{form}"
    try:
        lake = DeltaTable(str(settings.lake / contract.layer / contract.name), version=version)
        rows = _write(lake, contract, path, form, progress)
    except (DeltaError, pa.ArrowInvalid) as error:
        raise ExportError(
            f"{table}: version {version}, which release {release_id} was made from, cannot be "
            f"read; if the lake was cleaned of it, export a newer release ({error})"
        ) from error
    return Export(table, release_id, version, rows, path)


def export_release(
    settings: Settings,
    connection: Connection,
    pipeline: str,
    release_id: int,
    file_format: str,
    out: Path,
    *,
    progress: Progress | None = None,
) -> list[Export]:
    """Export every gold table of a release of a pipeline; see `export_table`."""
    if not ledger.release_exists(connection, release_id, pipeline):
        raise ExportError(f"release {release_id}: no such release of {pipeline}")
    return [
        export_table(
            settings, connection, table, file_format, out, as_of=release_id, progress=progress
        )
        for table in ledger.released_tables(connection, release_id)
        if table.startswith("gold.")
    ]


def _find_contract(table: str) -> Contract:
    known = {f"{layer}.{name}": (layer, name) for layer in LAYERS for name in contract_names(layer)}
    if table not in known:
        raise ExportError(f"{table}: no such table; there are {', '.join(known)}")
    return load_contract(*known[table])


def _check_format(file_format: str) -> Format:
    for known in WRITERS:
        if file_format == known:
            return known
    raise ExportError(f"format {file_format!r}: must be one of {', '.join(WRITERS)}")


def _write(
    lake: DeltaTable, contract: Contract, path: Path, form: Format, progress: Progress | None
) -> int:
    there = {field.name for field in lake.schema().fields}
    lineage = LINEAGE if contract.layer == "silver" else ()
    # A version from before a column was added lacks it.
    columns = [column for column in (*contract.columns, *lineage) if name_in_lake(column) in there]

    def report(rows: int) -> None:
        if progress:
            progress(contract.table, rows)

    with written_whole(path) as temporary:
        return write_file(lake, columns, temporary, form, report)

"""The audit as a whole: one snapshot of the books, and every check on it in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa

from assay.contracts.folders import contract_path
from assay.errors import BatchError, SettingsError
from assay.settings import Settings
from assay.verify.books import Books, read_books
from assay.verify.conservation import check_conservation
from assay.verify.evidence import Evidence
from assay.verify.history import check_atomicity, check_idempotence
from assay.verify.logs import check_fencing, check_logs
from assay.verify.offsets import check_offsets
from assay.verify.places import check_places
from assay.verify.proofs import check_gates, check_readability
from assay.verify.receipts import check_receipts
from assay.verify.report import Check, Place
from assay.verify.rounding import add_rounding
from assay.verify.rows import check_duplicates, check_versions
from assay.verify.stores import check_gold, check_stores
from assay.verify.streams import check_slices

CHECKS: dict[str, Callable[[Evidence, Check], None]] = {
    "I1": check_conservation,
    "I2": check_duplicates,
    "I3": check_versions,
    "I4": check_gold,
    "I5": check_stores,
    "I6": check_atomicity,
    "I7": check_idempotence,
    "I9": check_fencing,
    "I10": check_places,
    "I11": check_gates,
    "I12": check_readability,
    "I13": check_logs,
    "I14": check_slices,
    "I15": check_offsets,
    "I16": check_receipts,
}
LOOKS = 3
MEMORY = "2GB"  # beyond it, DuckDB goes to the scratch folder
MOVED_BY = ("dataset", "row_id", "from_batch", "to_batch", "how")
MOVEMENT = pa.schema([(name, pa.string()) for name in MOVED_BY])


def audit(settings: Settings, uri: str, *, dataset: str = "", batch: str = "") -> list[Check]:
    """Check every invariant, on everything or on what concerns a dataset or a batch.

    `uri` is that of a role that may read. Nothing is written but a scratch database. Raises
    SettingsError for an unknown dataset and BatchError for an unknown batch.

    The books are read before lake and files, and what batches and streams do in between looks
    broken. So a finding stands when a second look, with newer books, has it too, whatever its
    numbers are then; so do those that the last look is the first to have.
    """
    if dataset and not contract_path("silver", dataset).is_file():
        raise SettingsError(
            f"--dataset {dataset!r}: there is no such dataset; see docs/datasets.md"
        )
    found = _look(settings, uri, dataset, batch, CHECKS)
    told: set[Place] = set()
    for _ in range(LOOKS - 1):
        doubted = [name for name, check in found.items() if not check.places <= told]
        if not doubted:
            break
        told.update(*(check.places for check in found.values()))
        found |= _look(settings, uri, dataset, batch, doubted)
    return [*found.values()]


def _look(
    settings: Settings, uri: str, dataset: str, batch: str, invariants: Iterable[str]
) -> dict[str, Check]:
    """Judge these invariants on evidence as it is now."""
    with _open_evidence(settings, uri, dataset, batch) as evidence:
        if batch and batch not in evidence.books.batches:
            raise BatchError(f"{batch}: no such batch; see `assay batch list`")
        return {name: _run(name, evidence) for name in invariants}


def _run(invariant: str, evidence: Evidence) -> Check:
    """One check; what cannot be read is a violation of it, and the rest is judged all the same."""
    check = Check(invariant)
    with check.reading("evidence"):
        CHECKS[invariant](evidence, check)
    return check


@contextmanager
def _open_evidence(settings: Settings, uri: str, dataset: str, batch: str) -> Iterator[Evidence]:
    with (
        tempfile.TemporaryDirectory(prefix="assay-verify-") as scratch,
        duckdb.connect(str(Path(scratch, "audit.duckdb"))) as database,
        psycopg.connect(uri) as connection,
    ):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        database.execute("SET TimeZone = 'UTC'")
        database.execute("SET preserve_insertion_order = false")
        database.execute(f"SET memory_limit = '{MEMORY}'")
        add_rounding(database)
        books = read_books(connection)
        _make_movements(database, books)
        yield Evidence(settings, books, uri, database, dataset, batch)


def _make_movements(database: duckdb.DuckDBPyConnection, books: Books) -> None:
    rows = [{name: row[name] for name in MOVED_BY} for row in books.movements]
    database.register("movement_rows", pa.Table.from_pylist(rows, MOVEMENT))
    database.execute("CREATE TABLE movements AS SELECT * FROM movement_rows")

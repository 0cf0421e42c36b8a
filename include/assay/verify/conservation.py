"""I1: every record of every file is somewhere, value for value."""

from __future__ import annotations

from collections import Counter

from assay.verify.books import LIVE
from assay.verify.delivered import Delivered
from assay.verify.evidence import Evidence, ReleasedTable
from assay.verify.layers import Layers
from assay.verify.quarantined import check_movements, check_quarantine, check_replay
from assay.verify.report import Check
from assay.verify.rounding import check_rounded
from assay.words import count

CLASSES = ("new", "updated", "duplicate", "superseded", "quarantined")
Counts = dict[tuple[str, str], tuple[int, int]]


def check_conservation(evidence: Evidence, check: Check) -> None:
    """rows(f) = bronze(f) = ledger(f), text for text, and quarantined(f) = its rows in quarantine.

    `rows(f)` is read here, from the file where it lies. good(f) is what the ledger says; what
    of it is in silver is I2. A rebuild's ledger is compared with the bronze of its files, and of
    quarantine also: Postgres shows the rows that the lake has, every movement names one of them,
    and each row moves once (its key).
    """
    for table in evidence.silver:
        layers = Layers(evidence, table)
        with check.reading(f"files and bronze of {layers.dataset}"):
            bronze = layers.count_bronze()
            delivered = Delivered(evidence, check, layers)
            _check_files(evidence, check, delivered, bronze)
            delivered.compare()
        with check.reading(f"rounded values of {layers.dataset}"):
            check_rounded(evidence, check, layers)
        with check.reading(f"quarantine of {layers.dataset}"):
            _check_ledger(evidence, check, table, layers.count_bronze(), layers.count_quarantine())
            check_movements(evidence, check, layers)
            check_quarantine(evidence, check, layers)


def _check_files(evidence: Evidence, check: Check, delivered: Delivered, bronze: Counts) -> None:
    books, dataset = evidence.books, delivered.layers.dataset
    expected = Counter[tuple[str, str]]()
    for file in delivered.files():
        where = {"batch": file["batch_id"], "file": file["source_file"]}
        found, numbers = bronze.get((file["batch_id"], file["slice_id"]), (0, 0))
        check.equal("rows in bronze = records in the file", file["records"], found, **where)
        check.equal("bronze numbers its records 1 to n", found, numbers, **where)
        expected[file["batch_id"], file["slice_id"]] += 1
        check.saw(f"files of {dataset}")
        check.saw(f"records of {dataset}", file["records"])
    for batch_id, slice_id in bronze.keys() - expected.keys():
        known = books.batches.get(batch_id)
        stray = known is None or (known["state"] in LIVE and known["source"] == "files")
        if known is None and f"bronze.{dataset}" in books.adopted:
            stray = False
        if stray and evidence.in_scope(batch_id):
            found = bronze[batch_id, slice_id][0]
            check.broken(
                "rows in bronze of no accepted file", 0, found, batch=batch_id, file=slice_id
            )


def _check_ledger(
    evidence: Evidence,
    check: Check,
    table: ReleasedTable,
    bronze: Counts,
    quarantined: dict[tuple[str, str], int],
) -> None:
    books, dataset = evidence.books, table.contract.name
    sources = Counter[str]()
    for (batch_id, slice_id), (rows, _) in bronze.items():
        sources[slice_id] += rows if books.is_source(batch_id) else 0
    told: dict[str, Counter[str]] = {}
    for row in books.ledger:
        batch_id, slice_id = row["batch_id"], row["slice_id"]
        if row["dataset"] != dataset or not evidence.in_scope(batch_id):
            continue
        where = {"batch": batch_id, "file": slice_id}
        told.setdefault(batch_id, Counter())[slice_id] += row["records"]
        total = sum(row[name] for name in CLASSES)
        check.equal(
            "records = sum of the classes in ops.row_ledger", total, row["records"], **where
        )
        open_rows = quarantined.get((batch_id, slice_id), 0)
        check.equal("rows in quarantine = ops.row_ledger", row["quarantined"], open_rows, **where)
        if books.batches[batch_id]["source"] == "files":
            found = bronze.get((batch_id, slice_id), (0, 0))[0]
            check.equal("records in ops.row_ledger = bronze", found, row["records"], **where)
        check.saw("ledger rows")
    _check_whole_batches(evidence, check, dataset, bronze, told, sources)
    for batch_id, slice_id in quarantined.keys() - {
        (batch_id, slice_id) for batch_id, files in told.items() for slice_id in files
    }:
        if evidence.in_scope(batch_id):
            found_rows = quarantined[batch_id, slice_id]
            check.broken(
                "rows in quarantine that the ledger has not",
                0,
                found_rows,
                batch=batch_id,
                file=slice_id,
            )


def _check_whole_batches(
    evidence: Evidence,
    check: Check,
    dataset: str,
    bronze: Counts,
    told: dict[str, Counter[str]],
    sources: Counter[str],
) -> None:
    """Every file of a released batch has its row; a rebuild classified all bronze that it read."""
    for batch_id in evidence.books.released:
        batch = evidence.books.batches[batch_id]
        if not evidence.in_scope(batch_id):
            continue
        files = told.get(batch_id, Counter())
        if batch["source"] == "files":
            for (owner, slice_id), (rows, _) in bronze.items():
                if owner == batch_id and rows and slice_id not in files:
                    check.broken(
                        "ledger of the file",
                        count(rows, "record"),
                        "no row",
                        batch=batch_id,
                        file=slice_id,
                    )
        elif batch["source"] == "quarantine" and files:
            check_replay(evidence, check, dataset, batch_id, files)
        elif batch["source"] == "bronze":
            for slice_id, records in files.items():
                check.equal(
                    "records of a rebuild = bronze",
                    sources[slice_id],
                    records,
                    batch=batch_id,
                    file=slice_id,
                )

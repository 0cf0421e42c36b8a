"""I1 and I2: every record of every file is somewhere, and nowhere twice."""

from __future__ import annotations

import csv
import zlib
from collections import Counter
from pathlib import Path

import pyarrow as pa

from assay.addresses import as_place
from assay.objects import exists, on_this_machine
from assay.verify.books import LIVE
from assay.verify.count import count_records
from assay.verify.evidence import Evidence, ReleasedTable
from assay.verify.layers import Layers, listed
from assay.verify.report import Check

CLASSES = ("new", "updated", "duplicate", "superseded", "quarantined")


def check_conservation(evidence: Evidence, check: Check) -> None:
    """rows(f) = bronze(f) = ledger(f), and quarantined(f) = its rows in quarantine.

    `rows(f)` is counted here, from the file where it lies. good(f) is what the ledger says; what
    of it is in silver is I2. A rebuild's ledger is compared with the bronze of its files, and of
    quarantine also: every movement names an open row, and each row moves once (its key).
    """
    for table in evidence.silver:
        layers = Layers(evidence, table)
        bronze = layers.count_bronze()
        quarantined = layers.count_quarantine()
        _check_files(evidence, check, table, bronze)
        _check_ledger(evidence, check, table, bronze, quarantined)
        _check_movements(evidence, check, layers)


def _check_files(
    evidence: Evidence,
    check: Check,
    table: ReleasedTable,
    bronze: dict[tuple[str, str], tuple[int, int]],
) -> None:
    books, dataset = evidence.books, table.contract.name
    expected = Counter[tuple[str, str]]()
    for file in books.files:
        batch = books.batches[file["batch_id"]]
        if file["dataset"] != dataset or file["verdict"] != "accepted":
            continue
        if batch["state"] not in LIVE or not evidence.in_scope(batch["batch_id"]):
            continue
        where = {"batch": file["batch_id"], "file": file["source_file"]}
        place = as_place(file["location"])
        if exists(place):
            with on_this_machine(place) as path:
                records = _count(path)
            check.equal("records in the file = ops.batch_file", file["records"], records, **where)
        found, numbers = bronze.get((file["batch_id"], file["file_id"]), (0, 0))
        check.equal("rows in bronze = records in the file", file["records"], found, **where)
        check.equal("bronze numbers its records 1 to n", found, numbers, **where)
        expected[file["batch_id"], file["file_id"]] += 1
        check.saw(f"files of {dataset}")
        check.saw(f"records of {dataset}", file["records"])
    for batch_id, file_id in bronze.keys() - expected.keys():
        known = books.batches.get(batch_id)
        stray = known is None or (known["state"] in LIVE and known["source"] == "files")
        if stray and evidence.in_scope(batch_id):
            found = bronze[batch_id, file_id][0]
            check.broken(
                "rows in bronze of no accepted file", 0, found, batch=batch_id, file=file_id
            )


def _count(place: Path) -> int | str:
    try:
        return count_records(place)
    except (OSError, EOFError, ValueError, zlib.error, csv.Error, pa.ArrowException) as error:
        return f"an unreadable file: {error}"


def _check_ledger(
    evidence: Evidence,
    check: Check,
    table: ReleasedTable,
    bronze: dict[tuple[str, str], tuple[int, int]],
    quarantined: dict[tuple[str, str], int],
) -> None:
    books, dataset = evidence.books, table.contract.name
    sources = Counter[str]()
    for (batch_id, file_id), (rows, _) in bronze.items():
        sources[file_id] += rows if books.is_source(batch_id) else 0
    told: dict[str, Counter[str]] = {}
    for row in books.ledger:
        batch_id, file_id = row["batch_id"], row["file_id"]
        if row["dataset"] != dataset or not evidence.in_scope(batch_id):
            continue
        where = {"batch": batch_id, "file": file_id}
        told.setdefault(batch_id, Counter())[file_id] += row["records"]
        total = sum(row[name] for name in CLASSES)
        check.equal(
            "records = sum of the classes in ops.row_ledger", total, row["records"], **where
        )
        open_rows = quarantined.get((batch_id, file_id), 0)
        check.equal("rows in quarantine = ops.row_ledger", row["quarantined"], open_rows, **where)
        if books.batches[batch_id]["source"] == "files":
            found = bronze.get((batch_id, file_id), (0, 0))[0]
            check.equal("records in ops.row_ledger = bronze", found, row["records"], **where)
        check.saw("ledger rows")
    _check_whole_batches(evidence, check, dataset, bronze, told, sources)
    for batch_id, file_id in quarantined.keys() - {
        (batch_id, file_id) for batch_id, files in told.items() for file_id in files
    }:
        if evidence.in_scope(batch_id):
            found_rows = quarantined[batch_id, file_id]
            check.broken(
                "rows in quarantine that the ledger has not",
                0,
                found_rows,
                batch=batch_id,
                file=file_id,
            )


def _check_whole_batches(
    evidence: Evidence,
    check: Check,
    dataset: str,
    bronze: dict[tuple[str, str], tuple[int, int]],
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
            for (owner, file_id), (rows, _) in bronze.items():
                if owner == batch_id and rows and file_id not in files:
                    check.broken(
                        "ledger of the file",
                        f"{rows:,} records",
                        "no row",
                        batch=batch_id,
                        file=file_id,
                    )
        elif batch["source"] == "quarantine":
            into = f"dataset = '{dataset}' AND to_batch IN {listed([batch_id])}"
            moved = evidence.ask_one(f"SELECT count(*) FROM movements WHERE {into}")
            check.saw("records taken out of quarantine", sum(files.values()))
            if files:
                check.equal("records = movements", moved, sum(files.values()), batch=batch_id)
        elif batch["source"] == "bronze":
            for file_id, records in files.items():
                check.equal(
                    "records of a rebuild = bronze",
                    sources[file_id],
                    records,
                    batch=batch_id,
                    file=file_id,
                )


def _check_movements(evidence: Evidence, check: Check, layers: Layers) -> None:
    """quarantined = open + replayed + patched + waived: a movement takes out a row that is in."""
    for row_id, batch_id in layers.movements_of_nothing():
        if evidence.in_scope(batch_id):
            check.broken(
                f"row {row_id} that has left quarantine", "was in it", "never was", batch=batch_id
            )
    check.saw("quarantined rows", sum(layers.count_quarantine().values()))
    check.saw("of them moved on", layers.moved())

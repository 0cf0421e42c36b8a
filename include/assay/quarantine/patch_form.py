"""Open rows of quarantine in the form of a patch, for a person to correct."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.errors import ExportError
from assay.intake.csv_files import csv_rules
from assay.intake.filenames import PATCHED_ROW, REASONS_OF_PATCH
from assay.ledger.query import Connection
from assay.ledger.views.quarantine import Filter, OpenRow, open_rows
from assay.quarantine.formulas import disarm_text
from assay.storage.files import written_whole

FORMATS = ("csv", "jsonl")
UNREADABLE = "record.malformed"


def export_rows(
    connection: Connection, dataset: str, wanted: Filter, file_format: str, path: Path
) -> int:
    """Write open rows of a dataset as a patch has them, to be corrected; returns how many.

    Columns are row_id, reasons, and those of the source under their headers. A record that could
    not be taken apart has its text in `assay quarantine show` only. CSV is in the dialect of the
    feed, with a header; as a spreadsheet may open it, its texts are disarmed; `assay patch` takes
    the mark away.
    """
    if file_format not in FORMATS:
        raise ExportError(f"--format {file_format!r}: must be {' or '.join(FORMATS)}")
    contract = load_contract("bronze", dataset)
    rows = open_rows(connection, Filter(dataset, wanted.batch, wanted.reason))
    encoding = contract.dialect.encoding if file_format == "csv" else "utf-8"
    written = 0
    with (
        written_whole(path) as temporary,
        temporary.open("w", encoding=encoding, newline="") as file,
    ):
        write = (_csv_writer if file_format == "csv" else _json_writer)(file, contract)
        try:
            for row in rows:
                write(row)
                written += 1
            file.flush()
        except UnicodeEncodeError as error:
            raise ExportError(
                f"{dataset}: a row has a character that {encoding} lacks; take --format jsonl"
            ) from error
    return written


def _headers(contract: Contract) -> dict[str, str]:
    return {column.name: column.header or column.name for column in contract.columns}


def _csv_writer(file: IO[str], contract: Contract) -> Callable[[OpenRow], None]:
    headers = _headers(contract)
    names = [PATCHED_ROW, REASONS_OF_PATCH, *headers.values()]
    writer = csv.DictWriter(file, names, dialect=csv_rules(contract.dialect))
    writer.writeheader()

    def write(row: OpenRow) -> None:
        fields = {headers[name]: text for name, text in _fields(row).items() if name in headers}
        told = {**fields, **_about(row)}
        writer.writerow({name: disarm_text(text) for name, text in told.items() if text})

    return write


def _json_writer(file: IO[str], contract: Contract) -> Callable[[OpenRow], None]:
    headers = _headers(contract)

    def write(row: OpenRow) -> None:
        record: dict[str, Any] = {**_about(row)}  # an object in an object, as it was delivered
        for name, text in _fields(row).items():
            *parents, last = headers.get(name, name).split(".")
            place = record
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = text
        file.write(json.dumps(record, ensure_ascii=False) + "\n")

    return write


def _about(row: OpenRow) -> dict[str, str]:
    return {PATCHED_ROW: row.row_id, REASONS_OF_PATCH: ", ".join(row.reasons)}


def _fields(row: OpenRow) -> dict[str, str]:
    """The delivered texts by bronze column."""
    if UNREADABLE in row.reasons:
        return {}
    fields: dict[str, str] = json.loads(row.raw)
    return fields

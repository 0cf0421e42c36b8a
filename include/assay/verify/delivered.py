"""The values of the delivered files against bronze, record by record.

A file is read once, in chunks; of each record only a hash of its texts is kept. A file of which a
record differs is read again, to tell the columns.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.storage.addresses import as_place
from assay.storage.objects import exists, on_this_machine
from assay.verify.books import LIVE, Row
from assay.verify.differences import report_differences
from assay.verify.evidence import Evidence
from assay.verify.layers import Layers
from assay.verify.records import how_to_read, read_numbered
from assay.verify.report import Check
from assay.verify.spelling import text_of

UNSOUND = (OSError, EOFError, ValueError, zlib.error, csv.Error, pa.ArrowException)


@dataclass
class Delivered:
    """The files of one dataset, as they lie there, beside its bronze."""

    evidence: Evidence
    check: Check
    layers: Layers
    read: dict[int, Row] = field(default_factory=dict)

    @property
    def contract(self) -> Contract:
        return load_contract("bronze", self.layers.dataset)

    @property
    def hashes(self) -> str:
        """Number of the file, number of the record, hash of its texts."""
        return f'"delivered.{self.layers.dataset}"'

    def files(self) -> Iterator[Row]:
        """Accepted files of batches that the lake holds."""
        books = self.evidence.books
        for file in books.files:
            is_ours = (file["dataset"], file["verdict"]) == (self.layers.dataset, "accepted")
            is_live = books.batches[file["batch_id"]]["state"] in LIVE
            if is_ours and is_live and self.evidence.in_scope(file["batch_id"]):
                yield file

    def compare(self) -> None:
        """Records in the file = `ops.batch_slice`; each text in bronze = that in the file.

        A file that is not there any more is left out: whether it should be is I10.
        """
        self.evidence.database.execute(
            f"CREATE TABLE {self.hashes} (file INTEGER, record_number BIGINT, texts UBIGINT)"
        )
        for file in self.files():
            place = as_place(file["location"])
            with self.check.reading("delivered file", file=file["source_file"]):
                if exists(place):
                    with on_this_machine(place) as path:
                        self._read(file, path)
        for number in self._differing():
            file = self.read[number]
            with (
                self.check.reading("delivered file", file=file["source_file"]),
                on_this_machine(as_place(file["location"])) as path,
            ):
                report_differences(self.evidence, self.check, self.layers, file, path)

    def _read(self, file: Row, path: Path) -> None:
        number = len(self.read)
        self.read[number] = file
        records: int | str = 0
        try:
            for rows in read_numbered(path, self.contract, **how_to_read(file)):
                self._keep(number, rows)
                records += rows.num_rows
        except UNSOUND as error:
            records = f"an unreadable file: {error}"
        where = {"batch": file["batch_id"], "file": file["source_file"]}
        self.check.equal("records in the file = ops.batch_slice", file["records"], records, **where)
        self.check.saw("records read back", records if isinstance(records, int) else 0)

    def _keep(self, number: int, rows: pa.Table) -> None:
        database = self.evidence.database
        database.register("incoming", rows)
        names = self.contract.column_names
        texts = ", ".join(text_of(name, rows.schema.field(name).type) for name in names)
        database.execute(
            f"INSERT INTO {self.hashes} SELECT {number}, record_number, hash({texts}) FROM incoming"
        )
        database.unregister("incoming")

    def _differing(self) -> list[int]:
        """Files of which some text is spelt otherwise in bronze."""
        if not self.read:
            return []
        rows = [
            {"file": number, "batch_id": file["batch_id"], "slice_id": file["slice_id"]}
            for number, file in self.read.items()
        ]
        self.evidence.database.register("numbers", pa.Table.from_pylist(rows))
        texts = ", ".join(text_of(name, pa.string()) for name in self.contract.column_names)
        found = self.evidence.ask(f"""
            SELECT DISTINCT file FROM {self.layers.bronze} AS bronze
            JOIN numbers USING (batch_id, slice_id)
            JOIN {self.hashes} AS delivered USING (file, record_number)
            WHERE NOT is_malformed AND hash({texts}) <> delivered.texts ORDER BY file
        """)
        self.evidence.database.unregister("numbers")
        return [number for (number,) in found]

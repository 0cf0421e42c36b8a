"""The records of a slice file, which a stream has written, read by an auditor of its own.

Every row is one record, in the order of the file, what is no record too.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assay.contracts.model import Contract
from assay.verify.headers import every_name
from assay.verify.json_fields import Record, as_record, finder, parse
from assay.verify.spelling import batch_of

CHUNK = 16_384
BLANKS = b" \t\r\n"
BOM = b"\xef\xbb\xbf"
Texts = list[str | None]


def read_values(path: Path, contract: Contract, format_: str) -> Iterator[pa.RecordBatch]:
    """One row for each value, with the columns of the contract; `format_` is that of the slice."""
    read = _csv_reader(contract) if format_ == "kafka_csv" else _json_reader(contract)
    with pq.ParquetFile(path) as file:
        for rows in file.iter_batches(batch_size=CHUNK, columns=["value"]):
            texts = [read(value) for value in rows.column(0).to_pylist()]
            columns = [[row[at] for row in texts] for at in range(len(contract.columns))]
            yield batch_of(contract, columns)


def read_places(path: Path) -> pa.Table:
    """topic, partition and offset of every record, in the order of the file."""
    return pq.read_table(path, columns=["topic", "partition", "offset"])


def _json_reader(contract: Contract) -> Callable[[bytes | None], Texts]:
    finders = [[finder(name) for name in names] for names in every_name(contract)]

    def read(value: bytes | None) -> Texts:
        text = (value or b"").removeprefix(BOM).strip(BLANKS)
        record: Record = as_record(parse(text))
        found = ([find(record) for find in finds] for finds in finders)
        return [next((text for text in texts if text is not None), None) for texts in found]

    return read


def _csv_reader(contract: Contract) -> Callable[[bytes | None], Texts]:
    dialect, width = contract.dialect, len(contract.columns)

    def read(value: bytes | None) -> Texts:
        text = (value or b"").removeprefix(BOM).strip(BLANKS).decode("utf-8", "replace")
        lines = text.splitlines(keepends=True)
        rows = [*csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote)]
        return [*rows[0]] if rows and len(rows[0]) == width else [None] * width

    return read

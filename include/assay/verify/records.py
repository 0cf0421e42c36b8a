"""The records of a delivered file, read here and by nothing of the pipeline.

Every reader yields chunks in the order of the file: one row per record, malformed ones too, and
one column for each of the bronze contract. Texts are as delivered; only Parquet keeps its types.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypedDict, cast

import pyarrow as pa
import pyarrow.parquet as pq

from assay.contracts.model import Contract
from assay.verify.headers import nearest_names, places
from assay.verify.json_fields import Record, as_record, finder, parse
from assay.verify.slice_files import read_values
from assay.verify.spelling import batch_of

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
LONGEST_FIELD = 1 << 30
CHUNK = 16_384
BLANKS = b" \t\r\n"
BOM = b"\xef\xbb\xbf"


class HowToRead(TypedDict):
    """What of a slice is not told by its file."""

    is_patch: bool
    of_stream: str


def how_to_read(taken: Mapping[str, Any]) -> HowToRead:
    """By its row in the books. A file that corrects quarantined rows has a name that says so."""
    return {
        "is_patch": taken["source_file"].rpartition("/")[2].startswith("patch-"),
        "of_stream": taken["format"] if taken["kind"] == "stream" else "",
    }


def read_records(
    path: Path, contract: Contract, *, is_patch: bool = False, of_stream: str = ""
) -> Iterator[pa.RecordBatch]:
    """CSV records without the header, JSON records of lines or of one array, or Parquet rows.

    A patch has a header, whatever other files of its dataset have. Of a slice file `of_stream` is
    the format: kafka_json or kafka_csv.

    Raises OSError, EOFError, ValueError, zlib.error, csv.Error or ArrowException for a file that
    is not sound.
    """
    if of_stream:
        return read_values(path, contract, of_stream)
    name = path.name.casefold().removesuffix(".gz")
    if name.endswith(".parquet"):
        return _read_parquet(path, contract)
    if name.endswith(JSON_SUFFIXES):
        return _read_json(path, contract)
    return _read_csv(path, contract, has_header=contract.dialect.header or is_patch)


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    is_packed = path.name.casefold().endswith(".gz")
    with cast(IO[bytes], gzip.open(path, "rb") if is_packed else path.open("rb")) as content:
        yield content


def read_numbered(
    path: Path, contract: Contract, *, is_patch: bool = False, of_stream: str = ""
) -> Iterator[pa.Table]:
    """As `read_records`, with the number of each record in the file as `record_number`."""
    first = 1
    for batch in read_records(path, contract, is_patch=is_patch, of_stream=of_stream):
        numbers = pa.array(range(first, first + batch.num_rows), pa.int64())
        yield pa.Table.from_batches([batch]).append_column("record_number", numbers)
        first += batch.num_rows


def _read_csv(path: Path, contract: Contract, *, has_header: bool) -> Iterator[pa.RecordBatch]:
    csv.field_size_limit(LONGEST_FIELD)
    dialect = contract.dialect
    encoding = "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding
    with _open(path) as content, io.TextIOWrapper(content, encoding, newline="") as text:
        reader = csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quote)
        records = filter(None, reader)
        at: list[int | None] = [*range(len(contract.columns))]
        width = len(at)
        if has_header:
            header = next(records, [])
            at, width = places(header, contract), len(header)
        while rows := [*islice(records, CHUNK)]:
            fitting = [row if len(row) == width else _fit(row, width) for row in rows]
            columns = [*zip(*fitting, strict=True)]
            absent: Sequence[str | None] = [None] * len(rows)
            yield batch_of(contract, [absent if p is None else columns[p] for p in at])


def _fit(row: list[str], width: int) -> list[str]:
    """A malformed record; its fields are not compared."""
    return (row + [""] * width)[:width]


def _read_json(path: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    shapes = contract.source.shapes if contract.source else {}
    fields: dict[str, None] = {}
    if len(shapes) > 1:  # which one it is, is told by all records together
        for record in _json_records(path):
            fields |= dict.fromkeys(record)
    names = nearest_names(fields, contract)
    finders = [finder(name) for name in names.values()]
    records = _json_records(path)
    while chunk := [*islice(records, CHUNK)]:
        yield batch_of(contract, [[find(record) for record in chunk] for find in finders])


def _json_records(path: Path) -> Iterator[Record]:
    """Objects; what is none is a record without fields."""
    with _open(path) as content:
        first = content.read(1 << 16).removeprefix(BOM).lstrip(BLANKS)[:1]
    with _open(path) as content:
        if first == b"[":
            yield from map(as_record, parse(content.read().removeprefix(BOM), strict=True))
            return
        for line in content:
            text = line.removeprefix(BOM).strip(BLANKS)
            if text:
                yield as_record(parse(text))


def _read_parquet(path: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as file:
        header = file.schema_arrow.names
        at = places(header, contract)
        for batch in file.iter_batches(batch_size=CHUNK):
            absent = pa.nulls(batch.num_rows, pa.string())
            columns = [absent if p is None else batch.column(p) for p in at]
            yield pa.RecordBatch.from_arrays(columns, names=contract.column_names)

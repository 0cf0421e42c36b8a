"""Inspection of a delivered Parquet file: every page is read, so that Spark finds none broken."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assay.contracts.model import Contract
from assay.errors import FileRejectedError
from assay.intake.header import check_header, match_header
from assay.intake.limits import refuse_above
from assay.intake.survey import open_regular

READABLE = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_boolean,
    pa.types.is_null,
)
# Spark has no reader for these, wherever they stand.
UNREADABLE = (
    pa.types.is_float16,
    pa.types.is_decimal256,
    pa.types.is_time,
    pa.types.is_duration,
)
UNREADABLE_CODECS = {"BROTLI", "LZO"}
UNREADABLE_ENCODINGS = {"BYTE_STREAM_SPLIT"}
DEFAULTS = {"coerce_int96_timestamp_unit": "us", "page_checksum_verification": True}
ROWS_AT_ONCE = 8_192


def inspect_parquet(path: Path, contract: Contract, size: int) -> tuple[str, int, list[str]]:
    """Format, number of records and column names."""
    with open_regular(path) as content:
        try:
            file = pq.ParquetFile(content, **DEFAULTS)
            schema = file.schema_arrow
            _check_footer(file.metadata, contract)
            if not schema.names:
                raise FileRejectedError("no header: the Parquet file has no column")
            _check_types(schema, contract)
            records = _read_pages(content, schema, contract)
            _check_columns(file.metadata, records)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0]
            raise FileRejectedError(f"not a sound Parquet file: {reason}") from error
    check_header(list(schema.names), contract)
    return "parquet", records, list(schema.names)


def _check_footer(metadata: pq.FileMetaData, contract: Contract) -> None:
    """What the file says of itself, before any page of it is unpacked."""
    remedy = "deliver several files"
    refuse_above(contract, "records", metadata.num_rows, "records", remedy)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    size = sum(max(0, group.total_byte_size) for group in groups)
    refuse_above(contract, "unpacked_bytes", size, "bytes of values", remedy)


def _check_columns(metadata: pq.FileMetaData, records: int) -> None:
    """Ask only of columns that have been read: a codec that does not exist ends the process.

    The footer says some things twice; Spark fails where they differ, or counts other rows.
    """
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if not records == metadata.num_rows == sum(group.num_rows for group in groups):
        raise FileRejectedError("not a sound Parquet file: its footer counts other rows")
    for group in groups:
        for position in range(group.num_columns if group.num_rows else 0):
            column, told = group.column(position), metadata.schema.column(position)
            if (column.path_in_schema, column.physical_type) != (told.path, told.physical_type):
                raise FileRejectedError(
                    f"not a sound Parquet file: its footer calls column {told.path} of"
                    f" {told.physical_type} also {column.path_in_schema} of {column.physical_type}"
                )
            _check_column(column)


def _check_column(column: pq.ColumnChunkMetaData) -> None:
    if column.compression in UNREADABLE_CODECS:
        raise FileRejectedError(f"compressed by {column.compression}; use zstd, snappy or gzip")
    for encoding in UNREADABLE_ENCODINGS.intersection(column.encodings):
        raise FileRejectedError(
            f"column {column.path_in_schema} is encoded by {encoding}, which Spark does not read;"
            " write it with a dictionary, or plain"
        )


def _read_pages(content: BinaryIO, schema: pa.Schema, contract: Contract) -> int:
    """Number of rows, each read once; texts as dictionaries, so that repeats take no memory."""
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    file = pq.ParquetFile(content, read_dictionary=texts, pre_buffer=False, **DEFAULTS)
    records = size = 0
    for batch in file.iter_batches(ROWS_AT_ONCE):
        batch.validate(full=True)  # finds texts that are not UTF-8
        records += batch.num_rows
        size += sum(map(_size, batch.columns))
        refuse_above(contract, "unpacked_bytes", size, "bytes of values", "deliver several files")
    return records


def _size(column: pa.Array) -> int:
    """Bytes of the values, each text as often as it stands there."""
    if not isinstance(column, pa.DictionaryArray) or not pa.types.is_string(column.type.value_type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary)
    return int(pc.sum(pc.cast(lengths.take(column.indices), pa.int64())).as_py() or 0)


def _check_types(schema: pa.Schema, contract: Contract) -> None:
    for field in schema:
        _check_readable(field.name, field.type)
    for position in match_header(list(schema.names), contract).values():
        field = schema.field(position)
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not any(is_kind(kind) for is_kind in READABLE):
            raise FileRejectedError(f"column {field.name} is {kind}, not a single value")


def _check_readable(name: str, kind: pa.DataType) -> None:
    if isinstance(kind, pa.UuidType):
        raise FileRejectedError(
            f"column {name} is a UUID of 16 bytes, which Spark does not read;"
            " write it as text of 36 characters"
        )
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        raise FileRejectedError(f"column {name} counts nanoseconds; write it with microseconds")
    if any(is_kind(kind) for is_kind in UNREADABLE):
        raise FileRejectedError(f"column {name} is {kind}, which Spark does not read")
    inner = [kind.field(position) for position in range(kind.num_fields)]
    if len({field.name.casefold() for field in inner}) < len(inner):
        raise FileRejectedError(f"column {name} has a field twice, in some spelling: {kind}")
    for field in inner:
        _check_readable(name, field.type)

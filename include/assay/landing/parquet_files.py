"""Inspection of a delivered Parquet file: every page is read, so that Spark finds none broken."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assay.contract import Contract
from assay.errors import FileRejectedError
from assay.landing.header import match_header
from assay.landing.survey import open_regular

READABLE = (
    pa.types.is_string,
    pa.types.is_large_string,
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


def inspect_parquet(path: Path, contract: Contract, size: int) -> tuple[str, int, list[str]]:
    """Format, number of records and column names."""
    with open_regular(path) as content:
        try:
            file = pq.ParquetFile(
                content, coerce_int96_timestamp_unit="us", page_checksum_verification=True
            )
            _check_codecs(file.metadata)
            records = sum(_count(batch) for batch in file.iter_batches())
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise FileRejectedError(f"not a sound Parquet file: {reason}") from error
        schema = file.schema_arrow
    if not schema.names:
        raise FileRejectedError("no header: the Parquet file has no column")
    _check_types(schema, contract)
    return "parquet", records, list(schema.names)


def _count(batch: pa.RecordBatch) -> int:
    batch.validate(full=True)  # finds texts that are not UTF-8
    return int(batch.num_rows)


def _check_codecs(metadata: pq.FileMetaData) -> None:
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            codec = metadata.row_group(group).column(column).compression
            if codec in UNREADABLE_CODECS:
                raise FileRejectedError(f"compressed by {codec}; use zstd, snappy or gzip")


def _check_types(schema: pa.Schema, contract: Contract) -> None:
    for field in schema:
        _check_readable(field.name, field.type)
    for position in match_header(list(schema.names), contract).values():
        field = schema.field(position)
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not any(is_kind(kind) for is_kind in READABLE):
            raise FileRejectedError(f"column {field.name} is {kind}, not a single value")


def _check_readable(name: str, kind: pa.DataType) -> None:
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        raise FileRejectedError(f"column {name} counts nanoseconds; write it with microseconds")
    if any(is_kind(kind) for is_kind in UNREADABLE):
        raise FileRejectedError(f"column {name} is {kind}, which Spark does not read")
    for position in range(kind.num_fields):
        _check_readable(name, kind.field(position).type)

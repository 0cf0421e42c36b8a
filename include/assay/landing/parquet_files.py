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


def inspect_parquet(path: Path, contract: Contract, size: int) -> tuple[str, int, list[str]]:
    """Format, number of records and column names."""
    with open_regular(path) as content:
        try:
            file = pq.ParquetFile(content)
            records = sum(batch.num_rows for batch in file.iter_batches())
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise FileRejectedError(f"not a sound Parquet file: {reason}") from error
        schema = file.schema_arrow
    _check_types(schema, contract)
    return "parquet", records, list(schema.names)


def _check_types(schema: pa.Schema, contract: Contract) -> None:
    for field in schema:
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            raise FileRejectedError(
                f"column {field.name} counts nanoseconds; write it with microseconds"
            )
    for position in match_header(list(schema.names), contract).values():
        field = schema.field(position)
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not any(is_kind(kind) for is_kind in READABLE):
            raise FileRejectedError(f"column {field.name} is {kind}, not a single value")

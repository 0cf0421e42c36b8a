"""Rows from Arrow into a table of Postgres, by COPY in the caller's transaction.

Arrow writes the CSV, which no row of Python passes. A text stands in quotes and null does not, so
an empty text and null stay apart.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from pyarrow import csv

BLOCK = 1 << 20
QUOTES_NEEDED = csv.WriteOptions(include_header=False)


def copy_rows(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: pa.Table
) -> None:
    """Append these columns of the rows to `namespace.table`."""
    if not rows.num_rows:
        return
    written = io.BytesIO()
    csv.write_csv(_as_texts(rows.select(list(columns))), written, QUOTES_NEEDED)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    content = written.getbuffer()
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(content), BLOCK):
            copy.write(content[start : start + BLOCK])


def _as_texts(rows: pa.Table) -> pa.Table:
    """Every column in a type that the CSV of Arrow and Postgres spell alike."""
    return pa.table({name: _as_text(rows.column(name)) for name in rows.column_names})


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_list(kind):
        return _as_array(values)
    if pa.types.is_decimal(kind) or pa.types.is_temporal(kind):
        return pc.cast(values, pa.string())
    return values


def _as_array(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A list of texts as Postgres writes an array."""
    lists = values.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks)
    texts = pc.replace_substring_regex(lists.flatten(), r'(["\\])', r"\\\1")
    quoted = pc.binary_join_element_wise('"', texts, '"', "")
    offsets = pa.ListArray.from_arrays(_offsets(lists), quoted)
    joined = pc.binary_join(offsets, ",")
    return pc.binary_join_element_wise("{", joined, "}", "")


def _offsets(lists: pa.ListArray) -> pa.Array:
    """Where each list begins among the flattened values, whatever the array was cut from."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    ends = pc.cumulative_sum(lengths)
    return pa.concat_arrays([pa.array([0], ends.type), ends]).cast(pa.int32())

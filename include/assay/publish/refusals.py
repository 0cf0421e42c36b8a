"""Which rows Postgres would not take, and why: by file and record, never by their values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import psycopg
import pyarrow as pa
from adbc_driver_manager import Error
from psycopg import sql
from psycopg.rows import tuple_row

from assay.errors import StagingError
from assay.publish.staging import (
    copy_batches,
    create_staging,
    drop_staging,
    read_batches,
    stage,
    staging_of,
)
from assay.publish.targets import Target

# SQLSTATE classes that speak of a row: data exception, integrity violation, program limit.
OF_A_ROW = ("22", "23", "54")
SHOWN_ROWS = 5
# Millions of keys take a third of the time when their hashes are counted first, in memory, by one
# process: Postgres knows nothing of a new table, and would sort what several have found.
IN_MEMORY = "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '64MB'"
HASH_TWICE = """
    SELECT FROM {table} GROUP BY hash_record_extended(ROW({keys}), 0) HAVING count(*) > 1 LIMIT 1
"""
KEYS_TWICE = "SELECT {keys} FROM {table} GROUP BY {keys} HAVING count(*) > 1 LIMIT {most}"


def stage_or_refuse(
    connection: psycopg.Connection[Any], uri: str, target: Target, epoch: int
) -> Target:
    """Stage a target. Raises StagingError, naming rows and reasons, when Postgres refuses some."""
    try:
        staged = stage(connection, uri, target, epoch)
    except Error as error:
        if not _is_of_a_row(error):
            raise
        rows = [*islice(_refused_rows(connection, uri, target, epoch), SHOWN_ROWS)]
        raise StagingError(_told(target, rows or [_reason(error)])) from error
    twice = _keys_given_twice(connection, staged)
    if twice:
        raise StagingError(_told(target, [f"{key}: given twice" for key in twice]))
    return staged


def _is_of_a_row(error: Error) -> bool:
    return (error.sqlstate or "").startswith(OF_A_ROW)


def _told(target: Target, rows: list[str]) -> str:
    return (
        f"{target.table} would not take what {target.source or 'the batch'} brings:"
        f" {'; '.join(rows)}. Nothing was committed"
    )


def _refused_rows(
    connection: psycopg.Connection[Any], uri: str, target: Target, epoch: int
) -> Iterator[str]:
    """Where each refused row is from, and the reason; found by halving the batches."""
    name = f"{target.staging}_probe_{epoch}"
    drop_staging(connection, name)
    create_staging(connection, target, name)
    try:
        for batch in read_batches(target):
            yield from _refused_of(uri, name, target, batch)
    finally:
        drop_staging(connection, name)


def _refused_of(uri: str, name: str, target: Target, batch: pa.RecordBatch) -> Iterator[str]:
    try:
        copy_batches(uri, name, pa.RecordBatchReader.from_batches(batch.schema, [batch]))
    except Error as error:
        if not _is_of_a_row(error):
            raise
        half = batch.num_rows // 2
        if half:
            yield from _refused_of(uri, name, target, batch.slice(0, half))
            yield from _refused_of(uri, name, target, batch.slice(half))
        else:
            yield f"{_place(target, batch)}: {_reason(error)}"


def _place(target: Target, row: pa.RecordBatch) -> str:
    """File and record of a row; a group of gold has none, so its key."""
    facts = row.to_pylist()[0]
    if "record_number" in facts:
        return f"{facts['source_file']!r} record {facts['record_number']:,}"
    key = ", ".join(f"{name} {str(facts[name])[:40]!r}" for name in target.keys)
    return f"group of {key}"


def _reason(error: Error) -> str:
    """What Postgres says of a row, without the row: its values are not for a log."""
    said = re.search(r"ERROR:\s*([^\n]*)", str(error))
    reason = said[1] if said else f"refused ({error.sqlstate})"
    constraint = re.search(r'violates check constraint "([^"]*)"', reason)
    return constraint[1] if constraint else reason


def _keys_given_twice(connection: psycopg.Connection[Any], target: Target) -> list[str]:
    if not target.source:
        return []
    given = {
        "keys": sql.SQL(", ").join(map(sql.Identifier, target.keys)),
        "table": staging_of(target),
        "most": sql.Literal(SHOWN_ROWS),
    }
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(IN_MEMORY)
        if not cursor.execute(sql.SQL(HASH_TWICE).format(**given)).fetchall():
            return []
        rows = cursor.execute(sql.SQL(KEYS_TWICE).format(**given)).fetchall()
    return ["key " + ", ".join(str(value)[:40] for value in row) for row in rows]

"""The formats of an export: CSV, Parquet and JSON lines, written batch by batch.

Decimals stay exact: Parquet has them as such, CSV and JSON lines as plain text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from deltalake import DeltaTable

from assay.contracts.columns import Column
from assay.contracts.lineage import name_in_lake
from assay.publish.staging import arrow_schema, read_delta
from assay.quarantine.formulas import FORMULA_START, MARK

Format = Literal["csv", "parquet", "jsonl"]
Batches = Iterator[pa.RecordBatch]


def write_file(
    table: DeltaTable,
    columns: Sequence[Column],
    path: Path,
    form: Format,
    report: Callable[[int], None],
) -> int:
    """Stream these columns of a table into a file; `report` hears the rows so far."""
    schema = arrow_schema([Column(c.name) if _shown_as_text(c, form) else c for c in columns])
    texts = [c.name for c in columns if c.type == "string"] if form == "csv" else []
    rows = 0

    def batches() -> Batches:
        nonlocal rows
        for batch in read_delta(table, ", ".join(_selected(c, form) for c in columns)):
            rows += batch.num_rows
            report(rows)
            yield _disarm(batch.select(schema.names).cast(schema), texts)

    WRITERS[form](path, schema, batches())
    return rows


def _shown_as_text(column: Column, form: Format) -> bool:
    return form != "parquet" and (column.is_decimal or column.type in ("date", "timestamp"))


def _selected(column: Column, form: Format) -> str:
    """An item of the SELECT. The cast is not Arrow's, which would write a zero as 0E-8."""
    name, stored = f'"{column.name}"', f'"{name_in_lake(column)}"'
    if _shown_as_text(column, form):
        stored = f"CAST({stored} AS VARCHAR)"
    return f"{stored} AS {name}"


def _disarm(batch: pa.RecordBatch, texts: Sequence[str]) -> pa.RecordBatch:
    """`disarm_text`, of whole columns."""
    for name in texts:
        column = batch.column(name)
        quoted = pc.binary_join_element_wise(MARK, column, "")
        shown = pc.if_else(pc.match_substring_regex(column, FORMULA_START), quoted, column)
        batch = batch.set_column(batch.schema.get_field_index(name), name, shown)
    return batch


def _write_csv(path: Path, schema: pa.Schema, batches: Batches) -> None:
    with pa_csv.CSVWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_parquet(path: Path, schema: pa.Schema, batches: Batches) -> None:
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_jsonl(path: Path, schema: pa.Schema, batches: Batches) -> None:
    """PyArrow reads JSON but does not write it."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for batch in batches:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.to_pylist())


WRITERS: dict[Format, Callable[[Path, pa.Schema, Batches], None]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "jsonl": _write_jsonl,
}

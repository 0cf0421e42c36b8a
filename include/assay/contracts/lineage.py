"""Lineage columns: what a row in Postgres and in an export says of where it came from.

The lake and the Parquet files of a batch have the same columns, and the slice under its name of
before: see docs/decisions/0024-the-slice-is-the-atom.md.
"""

from __future__ import annotations

from assay.contracts.columns import Column

SLICE_ID = Column(
    "slice_id",
    nullable=False,
    description="The slice that it is from; of a file, the SHA-256 of its bytes",
)
SLICE_ID_IN_LAKE = "file_id"
LINEAGE = (
    Column("batch_id", nullable=False, description="The batch that brought the row"),
    SLICE_ID,
    Column("source_file", nullable=False, description="The name of that file as delivered"),
    Column("record_number", "bigint", nullable=False, description="Its record, from 1"),
)


def name_in_lake(column: Column) -> str:
    """What Delta tables and Parquet files of a batch call a column."""
    return SLICE_ID_IN_LAKE if column is SLICE_ID else column.name

"""What stands in bronze of each file, counted by another engine than the one that wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder


@dataclass(frozen=True)
class FileCount:
    """Records of one file, and the most unknown columns that one of them has."""

    records: int = 0
    unknown_columns: int = 0


def count_files(path: str, batch_id: str, expected: Sequence[str] = ()) -> dict[str, FileCount]:
    """The files of a batch by their file_id; columns that are `expected` are not unknown."""
    names = "map_keys(unknown_columns)"
    if expected:
        listed = ", ".join(f"'{name}'" for name in expected)
        names = f"array_except({names}, [{listed}])"
    query = (
        "SELECT file_id, count(*) AS records,"  # noqa: S608  # names of our own
        f" max(coalesce(array_length({names}), 0)) AS unknown_columns"
        f" FROM bronze WHERE batch_id = '{batch_id}' GROUP BY file_id"
    )
    counted = QueryBuilder().register("bronze", DeltaTable(path)).execute(query).read_all()
    return {
        row["file_id"]: FileCount(int(row["records"]), int(row["unknown_columns"]))
        for row in pa.table(counted).to_pylist()
    }

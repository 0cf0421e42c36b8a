"""Change sets of earlier versions, whose times are INT96, reach Postgres as they are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from assay.contracts.load import load_contract
from assay.publish.staging import stage
from assay.publish.targets import Staged, serving_target

if TYPE_CHECKING:
    from conftest import Database

MOMENTS = [datetime(1, 1, 1), datetime(1900, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)]


def test_int96_is_read_as_microseconds(
    database: Database, loader: psycopg.Connection[Any], tmp_path: Path
) -> None:
    count = len(MOMENTS)
    rows = pa.table(
        {
            "fund_id": pa.array(range(count), pa.int64()),
            "name": pa.array(["a fund"] * count),
            "company_id": pa.array([1] * count, pa.int64()),
            "holdings": pa.array([1] * count, pa.int64()),
            "fund_timestamp": pa.array(MOMENTS, pa.timestamp("us")),
            **{name: pa.array(["x"] * count) for name in ("batch_id", "file_id", "source_file")},
            "record_number": pa.array(range(count), pa.int64()),
        }
    )
    (tmp_path / "class=new").mkdir()
    path = tmp_path / "class=new" / "part.parquet"
    pq.write_table(rows, path, use_deprecated_int96_timestamps=True)
    contract = load_contract("silver", "mutual_funds")
    target = serving_target(contract, str(tmp_path), replaces_all=True)
    assert stage(loader, database.uri(), target, 1).staged == Staged("mutual_funds_1", count)
    loader.execute("SET timezone TO 'UTC'")
    found = loader.execute(
        "SELECT fund_timestamp::timestamp FROM staging.mutual_funds_1 ORDER BY fund_id"
    ).fetchall()
    assert [moment for (moment,) in found] == MOMENTS

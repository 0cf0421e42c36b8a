"""How large the work of a stage is, by which its session is set."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from builders.batches import make_plan, take
from builders.deliveries import make_set
from spark_jobs.programs.run_stage import AS_ONE, bytes_to_read


def test_a_small_input_is_large_work_where_it_is_compared_with_a_large_silver(
    tmp_path: Path,
) -> None:
    (file,) = sorted(make_set(tmp_path, files=1, rows=20).options.out.iterdir())
    plan = make_plan(tmp_path, "small", [file])
    size = take(tmp_path, file).size_bytes
    assert {stage: bytes_to_read(plan, stage) for stage in ("ingest_bronze", "commit")} == {
        "ingest_bronze": size,
        "commit": size,
    }
    silver = Path(plan.table("silver", "trades"))
    for number in range(2):
        ids = pa.array([f"{number}-{each}" for each in range(1000)])
        write_deltalake(str(silver), pa.table({"trade_id": ids}), mode="append")
    held = sum(path.stat().st_size for path in silver.glob("*.parquet"))
    assert held > 0
    for stage in ("build_silver", "build_gold", "validate_gold", "commit"):
        assert bytes_to_read(plan, stage) == size + held / AS_ONE
    for stage in ("ingest_bronze", "validate_bronze", "validate_silver"):
        assert bytes_to_read(plan, stage) == size

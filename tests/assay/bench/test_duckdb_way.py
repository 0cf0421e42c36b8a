"""DuckDB, as the baseline, does the same work: its answer is the one that the generator knows."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import duckdb

from assay.batch.inputs import Slices
from assay.batch.plan import GatePolicy, Plan, write_plan
from assay.batch.slices import FileSlice
from assay.bench.commands import PROGRAMS, run_timed
from assay.generate.options import SetOptions
from assay.generate.truth import content_hash
from assay.generate.write import generate


def test_it_finds_the_rows_the_hash_and_the_sums_of_the_truth(tmp_path: Path) -> None:
    truth = generate("trades", SetOptions(out=tmp_path / "trades", files=3, rows=400))
    plan = make_plan(tmp_path, [truth.options.out / file.name for file in truth.files])
    out = tmp_path / "out"
    out.mkdir()

    command = [sys.executable, str(PROGRAMS / "duckdb_way.py"), str(write_plan(plan)), str(out)]
    answer = json.loads(run_timed(command, os.environ, tmp_path / "duckdb.log").output)

    assert set(answer["seconds"]) == {"bronze", "silver", "gold"}
    assert answer["found"]["new"] == truth.silver_rows
    assert answer["found"]["quarantined"] == truth.quarantined
    assert answer["found"]["to_cost"] == truth.silver_sums["to_cost"]
    query = "SELECT row_hash, record_number FROM read_parquet(?) WHERE class = 'new'"
    rows = duckdb.execute(query, [str(out / "silver.parquet")]).fetchall()
    assert content_hash(row_hash for row_hash, _ in rows) == truth.content_hash
    assert max(number for _, number in rows) <= 400


def make_plan(folder: Path, files: list[Path]) -> Plan:
    manifest = [
        FileSlice("trades", "csv", path.stem, str(path), path.name, 400, 1, []) for path in files
    ]
    return Plan(
        batch_id="bench",
        pipeline="trades",
        datasets=["trades"],
        run_id="bench",
        batch_date="2026-01-01",
        input=Slices(manifest),
        active=["trades"],
        commit=True,
        generation=1,
        gate_policy=GatePolicy(),
        folder=str(folder / "batch"),
        lake=str(folder / "lake"),
        bronze_lake=str(folder / "lake"),
    )

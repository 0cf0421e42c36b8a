"""Part `duckdb`: the Spark stages' own seconds as a multiple of DuckDB doing the same work."""

from __future__ import annotations

import json
import sys
from typing import Any

from assay.batch.stage_results import read_gold, read_silver
from assay.bench.commands import PROGRAMS, run_timed
from assay.bench.figures import Breakdown, PartResult, Ratio
from assay.bench.lakes import Lake, committed_lake
from assay.bench.workbench import Workbench
from assay.errors import StackError
from assay.home.paths import child_environment

ROUNDS = 3
STAGES = {"bronze": "ingest_bronze", "silver": "build_silver", "gold": "build_gold"}


def measure_against_duckdb(bench: Workbench) -> PartResult:
    """The stages in one Spark application, and the same reads and transforms by DuckDB."""
    lake = committed_lake(bench, bench.files)
    rounds = []
    for number in range(1, ROUNDS + 1):
        rounds.append(_run_duckdb(bench, lake, number))
        _require_same(lake, rounds[-1])
        bench.say(
            f"DuckDB, round {number} of {ROUNDS}: {sum(rounds[-1]['seconds'].values()):.1f} s"
        )
    spark = {layer: lake.stage_seconds[stage] for layer, stage in STAGES.items()}
    ratios = [
        Ratio(f"{layer}: Spark / DuckDB", [spark[layer]], [r["seconds"][layer] for r in rounds])
        for layer in STAGES
    ]
    whole = [sum(r["seconds"].values()) for r in rounds]
    commit = lake.stage_seconds["commit"]
    return PartResult(
        "duckdb",
        ratios=[Ratio("all three: Spark / DuckDB", [sum(spark.values())], whole), *ratios],
        breakdowns=[
            Breakdown(
                "the stages in one Spark application",
                ("stage", "seconds"),
                [[name, f"{seconds:.1f}"] for name, seconds in lake.stage_seconds.items()],
            )
        ],
        notes=[
            "Spark also writes Delta with a fenced commit, counts per file and class, and keeps "
            f"what it quarantines; the commit to silver and gold ({commit:.1f} s) has no "
            "counterpart here",
            "both sides found the same rows, groups and sums",
        ],
    )


def _run_duckdb(bench: Workbench, lake: Lake, number: int) -> dict[str, Any]:
    out = lake.settings.home / f"duckdb-{number}"
    out.mkdir()
    plan = f"{lake.plan.folder}/plan.json"
    done = run_timed(
        [sys.executable, str(PROGRAMS / "duckdb_way.py"), plan, str(out)],
        child_environment({"TZ": "UTC"}),
        bench.settings.logs / "duckdb.log",
    )
    answer: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    return answer


def _require_same(lake: Lake, answer: dict[str, Any]) -> None:
    """Raise when DuckDB came to other rows, groups or sums than the stages did."""
    silver = read_silver(lake.plan.folder).datasets["trades"]
    gold = read_gold(lake.plan.folder).tables
    ours = {
        "new": silver.count("new"),
        "quarantined": silver.count("quarantined"),
        "to_cost": silver.sums["new"]["to_cost"],
        **{name: table.groups for name, table in gold.items()},
    }
    if ours != answer["found"]:
        raise StackError(f"DuckDB found {answer['found']}, the stages {ours}")

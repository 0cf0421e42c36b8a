"""Part `duckdb`: the Spark stages' own seconds as a multiple of DuckDB doing the same work."""

from __future__ import annotations

import json
import sys
from statistics import median
from typing import Any

from assay.batch.stage_results import read_gold, read_silver
from assay.bench.commands import PROGRAMS, run_timed
from assay.bench.figures import Breakdown, PartResult, Ratio
from assay.bench.lakes import Lake, committed_lake
from assay.bench.workbench import Workbench
from assay.errors import StackError
from assay.home.paths import child_environment

GOAL = 7.0
LAKES = 6  # the first of a server that was just started, and has to compile
STAGES = {"bronze": "ingest_bronze", "silver": "build_silver", "gold": "build_gold"}


def measure_against_duckdb(bench: Workbench) -> PartResult:
    """The stages in one session of Spark, and the same reads and transforms by DuckDB."""
    lakes = [committed_lake(bench, bench.files, number) for number in range(1, LAKES + 1)]
    rounds = []
    for number, lake in enumerate(lakes, start=1):
        rounds.append(_run_duckdb(bench, lake, number))
        _require_same(lake, rounds[-1])
        bench.say(
            f"DuckDB, round {number} of {len(lakes)}: {sum(rounds[-1]['seconds'].values()):.1f} s"
        )
    first, *later = [
        {layer: lake.stage_seconds[s] for layer, s in STAGES.items()} for lake in lakes
    ]
    ratios = [
        Ratio(
            f"{layer}: Spark / DuckDB",
            [each[layer] for each in later],
            [r["seconds"][layer] for r in rounds],
        )
        for layer in STAGES
    ]
    whole = [sum(r["seconds"].values()) for r in rounds]
    commit = median(lake.stage_seconds["commit"] for lake in lakes[1:])
    return PartResult(
        "duckdb",
        ratios=[
            Ratio("all three: Spark / DuckDB", [sum(e.values()) for e in later], whole, GOAL),
            Ratio("the same, of a server just started", [sum(first.values())], whole),
            *ratios,
        ],
        breakdowns=[
            Breakdown(
                "the stages in one session of Spark",
                ("stage", *(f"lake {number}" for number in range(1, LAKES + 1))),
                [
                    [stage, *(f"{lake.stage_seconds[stage]:.1f}" for lake in lakes)]
                    for stage in lakes[0].stage_seconds
                ],
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

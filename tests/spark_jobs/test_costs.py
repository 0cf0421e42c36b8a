"""What a small day costs in Spark queries and in versions of tables: it cannot grow unnoticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from assay.batch.inputs import Slices
from assay.batch.plan import Plan
from builders.batches import LOAD, Lake, take
from builders.costs import Cost, costs_of
from builders.deliveries import make_set

SHARES = {"defects": 0.1, "duplicates": 0.05, "updates": 0.1, "late": 0.1}
MOST = {
    "trades": {
        "ingest_bronze": Cost(1, 4, 1),
        "validate_bronze": Cost(2, 6, 0),
        "build_silver": Cost(2, 8, 0, 1),
        "validate_silver": Cost(6, 6, 0),
        "build_gold": Cost(2, 10, 0, 2),
        "validate_gold": Cost(7, 11, 0, 1),
        "commit": Cost(5, 44, 4, 4),
    },
    "finance": {
        "ingest_bronze": Cost(2, 8, 2),
        "validate_bronze": Cost(4, 14, 0),
        "build_silver": Cost(3, 13, 0, 2),
        "validate_silver": Cost(10, 10, 0),
        "build_gold": Cost(3, 23, 0, 6),
        "validate_gold": Cost(21, 28, 0, 2),
        "commit": Cost(9, 73, 8, 8),
    },
}
DATASETS = {"trades": ["trades"], "finance": ["stocks", "mutual_funds"]}


@pytest.mark.long
@pytest.mark.parametrize("pipeline", MOST)
def test_small_day_on_a_lake_that_has_one_costs_no_more_queries_and_versions(
    spark: SparkSession, tmp_path: Path, pipeline: str
) -> None:
    """A day with new, updated and bad records: every table changes."""
    datasets = DATASETS[pipeline]
    days = {
        name: sorted(
            make_set(tmp_path, name, files=2, rows=60, days=2, **SHARES).options.out.iterdir()
        )
        for name in datasets
    }
    lake = Lake(spark, tmp_path)

    def plan_day(batch: str, day: int) -> Plan:
        files = [take(tmp_path, days[name][day], name) for name in datasets]
        plan = lake.plan(batch, pipeline=pipeline, datasets=datasets, active=datasets)
        return replace(plan, input=Slices(files))

    lake.run(plan_day("later", 1), *LOAD)
    costs = costs_of(lake, plan_day("earlier", 0))
    most = MOST[pipeline]
    above = {stage: c for stage, c in costs.items() if not c.is_within(most[stage])}
    assert above == {}, costs
    assert costs["build_silver"].scans == len(datasets), "the plans of Spark tell no scans"

"""What a stage costs: the Spark queries that it runs, and the versions that it makes of tables.

The count is the server's own: a client of Spark Connect is not told of the queries that Delta runs
within a write, so it is taken here, where the tests have a classic session, and not by the stages.
"""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from typing import Any

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from assay.batch.plan import Plan
from builders.batches import Lake
from spark_jobs.chain import STAGES

SCAN = re.compile(r"^Location: .*/silver/\w+\]", re.MULTILINE)
NEWEST = 400  # more than a stage runs, fewer than Spark's status store keeps


@dataclass(frozen=True)
class Cost:
    """Queries, all that Spark runs for them (Delta has some of its own), new versions of tables.

    `scans` are the passes over a silver table, whole or of the files that are left to read.
    """

    queries: int
    in_all: int
    versions: int
    scans: int = 0

    def is_within(self, most: Cost) -> bool:
        """True when nothing of it is more."""
        return all(
            found <= most_of for found, most_of in zip(*map(astuple, (self, most)), strict=True)
        )


def costs_of(lake: Lake, plan: Plan) -> dict[str, Cost]:
    """Run all stages of a batch in turn; what each of them cost."""
    costs = {}
    for stage in STAGES:
        before, versions = {*_queries(lake.spark)}, _versions(lake)
        lake.run(plan, stage)
        run = [query for number, query in _queries(lake.spark).items() if number not in before]
        asked = sum(query.executionId() == query.rootExecutionId() for query in run)
        scans = sum(len(SCAN.findall(query.physicalPlanDescription())) for query in run)
        costs[stage] = Cost(asked, len(run), _versions(lake) - versions, scans)
    return costs


def _queries(spark: SparkSession) -> dict[int, Any]:
    """The newest queries by number, as Spark's status store has them."""
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    store = spark._jsparkSession.sharedState().statusStore()
    first = max(0, store.executionsCount() - NEWEST)
    newest = store.executionsList(first, NEWEST)
    each = (newest.apply(place) for place in range(newest.size()))
    return {query.executionId(): query for query in each}


def _versions(lake: Lake) -> int:
    logs = (lake.home / "lake").glob("*/*/_delta_log")
    return sum(DeltaTable(str(log.parent)).version() + 1 for log in logs)

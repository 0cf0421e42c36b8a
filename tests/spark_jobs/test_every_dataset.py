"""Any order of days, and a rebuild, give every dataset the same silver and gold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from assay.batch.inputs import Rebuild, Slices
from assay.contracts.load import gold_contracts, load_contract
from builders.batches import BUILD, LOAD, Lake, take
from builders.content import hash_delta
from builders.deliveries import make_set
from builders.gold_oracle import hash_gold_of_silver

SHARES = {"defects": 0.1, "duplicates": 0.05, "updates": 0.1, "late": 0.1}
DATASETS = ["ecommerce_events", "stocks", "mutual_funds", "product_returns"]


@pytest.mark.long
def test_days_in_reverse_and_a_rebuild_end_as_all_files_at_once(
    spark: SparkSession, tmp_path: Path
) -> None:
    """As one pipeline, which builds the gold across datasets too, and spares three starts."""
    made = {name: make_set(tmp_path, name, files=2, rows=60, days=2, **SHARES) for name in DATASETS}
    wanted = {name: truth.content_hash for name, truth in made.items()}
    pipeline: dict[str, Any] = {"pipeline": "all", "datasets": DATASETS}
    lake = Lake(spark, tmp_path)

    def hashes() -> dict[str, str]:
        silver = {name: load_contract("silver", name) for name in DATASETS}
        for gold in gold_contracts(DATASETS):
            assert hash_delta(lake.home / "lake", gold) == hash_gold_of_silver(
                lake.home / "lake", gold
            )
        return {name: hash_delta(lake.home / "lake", each) for name, each in silver.items()}

    for day in ("second", "first"):
        files = [
            take(tmp_path, sorted(truth.options.out.iterdir())[day == "second"], name)
            for name, truth in made.items()
        ]
        plan = lake.plan(day, **pipeline, active=DATASETS)
        lake.run(replace(plan, input=Slices(files)), *LOAD)
    assert hashes() == wanted

    facts = {"input": Rebuild(["second", "first"]), "generation": 2}
    lake.run(lake.plan("rebuild", **pipeline, active=DATASETS, **facts), *BUILD)
    assert hashes() == wanted

"""Any order of days, and a rebuild, give every pipeline the same silver and gold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from assay.contract import gold_contracts, load_contract
from builders.batches import BUILD, LOAD, Lake, take
from builders.content import hash_delta
from builders.deliveries import make_set
from builders.gold_oracle import hash_gold_of_silver

SHARES = {"defects": 0.1, "duplicates": 0.05, "updates": 0.1, "late": 0.1}


@pytest.mark.parametrize(
    "datasets",
    [["ecommerce_events"], ["stocks", "mutual_funds"], ["product_returns"]],
    ids="+".join,
)
def test_days_in_reverse_and_a_rebuild_end_as_all_files_at_once(
    spark: SparkSession, tmp_path: Path, datasets: list[str]
) -> None:
    made = {name: make_set(tmp_path, name, files=2, rows=60, days=2, **SHARES) for name in datasets}
    wanted = {name: truth.content_hash for name, truth in made.items()}
    pipeline: dict[str, Any] = {"pipeline": "+".join(datasets), "datasets": datasets}
    lake = Lake(spark, tmp_path)

    def hashes() -> dict[str, str]:
        silver = {name: load_contract("silver", name) for name in datasets}
        for gold in gold_contracts(datasets):
            assert hash_delta(lake.home / "lake", gold) == hash_gold_of_silver(
                lake.home / "lake", gold
            )
        return {name: hash_delta(lake.home / "lake", each) for name, each in silver.items()}

    for day in ("second", "first"):
        files = [
            take(tmp_path, sorted(truth.options.out.iterdir())[day == "second"], name)
            for name, truth in made.items()
        ]
        plan = lake.plan(day, **pipeline, inputs=datasets)
        lake.run(replace(plan, files=files), *LOAD)
    assert hashes() == wanted

    facts = {"source": "bronze", "generation": 2, "rebuild_batches": ["second", "first"]}
    lake.run(lake.plan("rebuild", **pipeline, inputs=datasets, **facts), *BUILD)
    assert hashes() == wanted

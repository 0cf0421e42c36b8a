"""Situations of a dataset or gold table: `scenarios.yaml` beside its contract.

`delivered` is one batch; `before`, if there, is what was delivered before it. `expect` is the
outcome, all rows of it, by the columns that its header names (empty is null): of bronze the
records, of silver the change set, of gold the candidates. `quarantine` holds every quarantined
record of silver, by its reasons; without it there may be none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contracts.load import load_contract
from assay.contracts.model import Layer
from builders.batches import take
from builders.scenarios import Scenario, all_scenarios
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.stages.registry import gold_functions, silver_function
from spark_jobs.transformations.change_set import classify
from spark_jobs.transformations.touched_groups import SilverInput, gold_candidates

SCENARIOS = all_scenarios()


def read_bronze(spark: SparkSession, home: Path, dataset: str, files: list[Path]) -> DataFrame:
    contract = load_contract("bronze", dataset)
    manifest = [take(home, file, dataset) for file in files]
    return read_files(spark, manifest, contract, "batch").localCheckpoint()


def change_set_of(spark: SparkSession, home: Path, dataset: str, scenario: Scenario) -> Any:
    """The change set of the delivered files, and silver as it stood before them.

    Each is made once, as the stages make it; plans that hold all of it would grow without end.
    """
    contract = load_contract("silver", dataset)
    before = scenario.write(scenario.before, dataset, home / dataset / "before")
    silver = None
    if before:
        judge = silver_function(dataset)
        silver = judge(read_bronze(spark, home, dataset, before), contract).localCheckpoint()
    files = scenario.write(scenario.delivered, dataset, home / dataset / "delivered")
    judged = silver_function(dataset)(read_bronze(spark, home, dataset, files), contract)
    return classify(judged, contract, silver).localCheckpoint(), silver


def outcome(spark: SparkSession, home: Path, scenario: Scenario) -> DataFrame:
    """The frame that the scenario is about."""
    table = scenario.table
    if scenario.layer == "bronze":
        files = scenario.write(scenario.delivered, table, home / table)
        return read_bronze(spark, home, table, files)
    if scenario.layer == "silver":
        changes, _ = change_set_of(spark, home, table, scenario)
        return changes
    contract = load_contract("gold", table)
    grain, summarise = gold_functions(table)
    inputs = [_silver_input(spark, home, dataset, scenario) for dataset in contract.datasets]
    gold = None
    if any(given.silver is not None for given in inputs):
        befores = [grain(given.silver, given.contract.name) for given in inputs]
        gold = summarise(contract, *befores).localCheckpoint()
    return gold_candidates(inputs, gold, contract, grain, summarise)


def _silver_input(spark: SparkSession, home: Path, dataset: str, scenario: Scenario) -> SilverInput:
    changes, silver = change_set_of(spark, home, dataset, scenario)
    return SilverInput(load_contract("silver", dataset), silver, changes)


def as_texts(frame: DataFrame, columns: list[str]) -> list[tuple[str, ...]]:
    kinds = dict(frame.dtypes)
    texts = [
        F.coalesce(
            F.to_json(c) if kinds.get(c, "")[:3] == "map" else F.col(c).cast("string"), F.lit("")
        )
        for c in columns
    ]
    return sorted(tuple(row) for row in frame.select(*texts).collect())


def quarantined(changes: DataFrame) -> list[dict[str, Any]]:
    rows = changes.where("class = 'quarantined'").select("record_number", "reasons", "raw")
    found = [row.asDict() for row in rows.orderBy("record_number").collect()]
    for row in found:
        if row["reasons"] != ["record.malformed"]:
            row["raw"] = json.loads(row["raw"])
    return found


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_situation_has_its_outcome(spark: SparkSession, scenario: Scenario, tmp_path: Path) -> None:
    frame = outcome(spark, tmp_path, scenario)
    header, rows = scenario.expected()
    assert as_texts(frame, header) == rows
    if scenario.layer == "silver":
        assert quarantined(frame) == scenario.quarantined()


def test_every_dataset_of_a_scenario_is_delivered() -> None:
    assert len({scenario.id for scenario in SCENARIOS}) == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert scenario.layer in get_args(Layer), scenario.id
        contract = load_contract(scenario.layer, scenario.table)
        folders = {""} if len(contract.datasets) < 2 else {*contract.datasets}
        delivered = {name.rpartition("/")[0] for name in scenario.delivered}
        assert delivered == folders, scenario.id
        assert {name.rpartition("/")[0] for name in scenario.before} <= folders, scenario.id
        assert scenario.says, scenario.id
        assert scenario.expected()[0], scenario.id
        assert scenario.layer == "silver" or not scenario.quarantine, scenario.id

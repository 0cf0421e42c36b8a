"""Situations as folders of data: scenarios/<layer>/<table>/<situation>/.

`input*` are delivered as one batch; `silver.*`, if there, is what was delivered before. They have
any suffix that the contract takes. A gold table of several datasets has a folder of them for each.
`expect.csv` is the outcome, all rows of it, by the columns that its header names (empty is null):
of bronze the records, of silver the change set, of gold the candidates. `quarantine.json` holds
every quarantined record; without it there may be none.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contracts.load import load_contract
from assay.settings import REPOSITORY
from builders.batches import take
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.stages.registry import gold_functions, silver_function
from spark_jobs.transformations.change_set import classify
from spark_jobs.transformations.touched_groups import SilverInput, gold_candidates

SCENARIOS = REPOSITORY / "tests" / "scenarios"
FOLDERS = sorted(path.parent for path in SCENARIOS.glob("*/*/*/expect.csv"))


def read_bronze(spark: SparkSession, home: Path, dataset: str, files: list[Path]) -> DataFrame:
    contract = load_contract("bronze", dataset)
    manifest = [take(home, file, dataset) for file in files]
    return read_files(spark, manifest, contract, "batch").localCheckpoint()


def change_set_of(spark: SparkSession, home: Path, dataset: str, folder: Path) -> Any:
    """The change set of the delivered files, and silver as it stood before them.

    Each is made once, as the stages make it; plans that hold all of it would grow without end.
    """
    contract = load_contract("silver", dataset)
    before = sorted(folder.glob("silver.*"))
    silver = None
    if before:
        judge = silver_function(dataset)
        silver = judge(read_bronze(spark, home, dataset, before), contract).localCheckpoint()
    delivered = read_bronze(spark, home, dataset, sorted(folder.glob("input*")))
    judged = silver_function(dataset)(delivered, contract)
    return classify(judged, contract, silver).localCheckpoint(), silver


def outcome(spark: SparkSession, home: Path, folder: Path) -> tuple[DataFrame, DataFrame | None]:
    """The frame that the scenario is about, and its change set."""
    layer, table = folder.parts[-3:-1]
    if layer == "bronze":
        return read_bronze(spark, home, table, sorted(folder.glob("input*"))), None
    if layer == "silver":
        changes, _ = change_set_of(spark, home, table, folder)
        return changes, changes
    contract = load_contract("gold", table)
    grain, summarise = gold_functions(table)
    inputs = [_silver_input(spark, home, dataset, folder) for dataset in contract.datasets]
    gold = None
    if any(given.silver is not None for given in inputs):
        befores = [grain(given.silver, given.contract.name) for given in inputs]
        gold = summarise(contract, *befores).localCheckpoint()
    return gold_candidates(inputs, gold, contract, grain, summarise), None


def _silver_input(spark: SparkSession, home: Path, dataset: str, folder: Path) -> SilverInput:
    """Of a table of several datasets, each has a folder of its own, named by the dataset."""
    own = folder / dataset
    changes, silver = change_set_of(spark, home, dataset, own if own.is_dir() else folder)
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


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: "/".join(f.parts[-3:]))
def test_situation_has_its_outcome(spark: SparkSession, folder: Path, tmp_path: Path) -> None:
    frame, changes = outcome(spark, tmp_path, folder)
    with (folder / "expect.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert as_texts(frame, header) == sorted(map(tuple, rows))
    if changes is not None:
        expected = folder / "quarantine.json"
        wanted = json.loads(expected.read_text()) if expected.is_file() else []
        assert quarantined(frame) == wanted


def parts_of(folder: Path) -> list[Path]:
    """The folders with the deliveries of a scenario: its own, or one for each dataset."""
    datasets = load_contract("gold", folder.parent.name).datasets if "gold" in folder.parts else ()
    return [folder / dataset for dataset in datasets] if len(datasets) > 1 else [folder]


def test_every_scenario_folder_is_complete() -> None:
    folders = {path.parent for path in SCENARIOS.rglob("*") if path.is_file()}
    parts = [part for folder in FOLDERS for part in parts_of(folder)]
    assert folders == {*FOLDERS, *parts}
    assert all(list(part.glob("input*")) for part in parts)

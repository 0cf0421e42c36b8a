"""Nothing of a dataset was forgotten: what docs/adding-a-dataset.md asks for is there."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from assay.contracts.folders import contract_names, dataset_names
from assay.contracts.load import all_contracts, load_contract
from assay.contracts.model import Contract, Layer
from assay.contracts.pipelines import all_pipelines, pipelines_started_by
from assay.generate.recipes import generated_datasets
from assay.settings import REPOSITORY, SPARK_JOBS
from builders.scenarios import all_scenarios
from builders.silver_rules import RULES

README = REPOSITORY / "README.md"
DATASETS = dataset_names()
SITUATIONS = {(scenario.layer, scenario.table) for scenario in all_scenarios()}
CARRIED = {dataset for each in pipelines_started_by("files") for dataset in each.datasets}


def missing(patterns: list[str]) -> list[str]:
    """What docs/adding-a-dataset.md asks for and is not there."""
    return [pattern for pattern in patterns if not any(REPOSITORY.glob(pattern))]


def assert_nothing(lacking: list[str]) -> None:
    assert not lacking, f"docs/adding-a-dataset.md asks for {', '.join(lacking)}"


def is_told_by_its_contract_alone(dataset: str) -> bool:
    """A feed without gold and without rules of its own needs no more than its contract."""
    has_gold = any(dataset in table.datasets for table in all_contracts("gold"))
    return (
        not has_gold
        and not silver_module(dataset).is_file()
        and dataset not in generated_datasets()
    )


def silver_module(dataset: str) -> Path:
    return SPARK_JOBS / "transformations" / "silver" / f"{dataset}.py"


@pytest.mark.parametrize(
    ("layer", "stem"),
    [(layer, name) for layer in get_args(Layer) for name in contract_names(layer)],
)
def test_every_contract_has_its_module_its_test_and_a_scenario(layer: str, stem: str) -> None:
    wanted = []
    if layer == "gold":
        wanted += [f"include/gold/{stem}/build.py", f"include/gold/{stem}/audit.sql"]
        wanted += [f"tests/spark_jobs/transformations/gold/test_{stem}.py"]
    if layer == "silver" and silver_module(stem).is_file():
        wanted += [f"tests/spark_jobs/transformations/silver/test_{stem}.py"]
    if layer == "gold" or not is_told_by_its_contract_alone(stem):
        has_scenario = (layer, stem) in SITUATIONS
        assert_nothing(missing(wanted) + [f"a scenario of {layer}.{stem}"] * (not has_scenario))


@pytest.mark.parametrize("dataset", DATASETS)
def test_nothing_of_a_dataset_is_forgotten(dataset: str) -> None:
    there = {"a pipeline that carries it": dataset in CARRIED}
    wanted = []
    if not is_told_by_its_contract_alone(dataset):
        there |= {
            "a generator beside its contract": dataset in generated_datasets(),
            "its rules in tests/builders/silver_rules.py": dataset in RULES,
            "a row in the README": f"(docs/datasets.md#{dataset})" in README.read_text(),
        }
        wanted = missing([f"include/datasets/{dataset}/samples/*"])
    assert_nothing([*wanted, *(what for what, holds in there.items() if not holds)])


@pytest.mark.parametrize("gold", all_contracts("gold"), ids=lambda contract: contract.name)
def test_gold_adds_up_columns_that_silver_has(gold: Contract) -> None:
    assert {*gold.datasets} <= {*DATASETS}
    carried = [{*pipeline.datasets} for pipeline in all_pipelines().values()]
    assert any({*gold.datasets} <= each for each in carried), "no pipeline builds it"
    paired = {dataset: gold.totals_of(dataset) for dataset in gold.datasets}
    assert {name for totals in paired.values() for name in totals} == {*gold.totals}
    for dataset, totals in paired.items():
        known = {"rows", *load_contract("silver", dataset).column_names}
        assert {*totals.values()} <= known, dataset

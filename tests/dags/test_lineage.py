"""Assets: what tasks read, what a release changes, and the names that others are scheduled by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assay.contracts.folders import dataset_names
from assay.contracts.load import all_contracts, load_contract
from assay.contracts.pipelines import Pipeline, all_pipelines, pipelines_started_by

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG, Asset

LAYERS = ("landing", "quarantine", "silver", "gold", "serving")


def assets(dag: DAG, side: str) -> dict[str, list[str]]:
    """Names of the inlets or outlets of each task that has some."""
    found = {task.task_id: [asset.name for asset in getattr(task, side)] for task in dag.tasks}
    return {task_id: names for task_id, names in found.items() if names}


def all_assets(dag_bag: DagBag) -> list[Asset]:
    tasks = [task for name in all_pipelines() for task in dag_bag.dags[name].tasks]
    return [asset for task in tasks for asset in (*task.inlets, *task.outlets)]


def test_files_are_read_and_a_release_changes_tables(dag_bag: DagBag) -> None:
    dag = dag_bag.dags["trades"]
    assert assets(dag, "inlets") == {
        "accept_files": ["landing.trades"],
        "build_silver": ["silver.trades", "quarantine.trades"],
        "build_gold": ["silver.trades"],
    }
    assert assets(dag, "outlets") == {
        "publish": [
            "silver.trades",
            "quarantine.trades",
            "serving.trade_event",
            "gold.customer_exposure",
            "gold.daily_trade_summary",
        ]
    }


def test_gold_across_datasets_is_read_from_silver_and_named_by_its_table(dag_bag: DagBag) -> None:
    dag = dag_bag.dags["cross_dataset_gold"]
    silver = ["silver.ecommerce_events", "silver.product_returns"]
    assert assets(dag, "inlets") == {"accept_releases": silver, "build_gold": silver}
    assert assets(dag, "outlets") == {"publish": ["gold.product_performance"]}


def test_every_released_table_is_told_by_one_pipeline(dag_bag: DagBag) -> None:
    told = [
        name
        for each in all_pipelines()
        for name in assets(dag_bag.dags[each], "outlets")["publish"]
    ]
    tables = [contract.table for layer in ("silver", "gold") for contract in all_contracts(layer)]
    served = [load_contract("silver", dataset).serving for dataset in dataset_names()]
    quarantine = [f"quarantine.{dataset}" for dataset in dataset_names()]
    assert sorted(told) == sorted([*tables, *served, *quarantine])


def test_an_asset_says_what_it_is_and_is_the_same_wherever_it_stands(dag_bag: DagBag) -> None:
    by_name: dict[str, Asset] = {}
    for asset in all_assets(dag_bag):
        assert asset == by_name.setdefault(asset.name, asset)
        assert asset.uri == asset.name, "it has no URI: Airflow knows it by name alone"
        assert asset.group == asset.name.split(".")[0]
        assert asset.group in LAYERS
        assert str(asset.extra["description"]).endswith("."), asset.name
    assert len(by_name) > len(all_contracts("gold"))


@pytest.mark.parametrize("pipeline", pipelines_started_by("releases"), ids=lambda each: each.name)
def test_homes_from_before_are_scheduled_by_the_same_assets(
    dag_bag: DagBag, pipeline: Pipeline
) -> None:
    """Airflow knows an Asset by name and URI: with other ones, its events would be of another."""
    from airflow.sdk import Asset

    waited_for = dag_bag.dags[pipeline.name].timetable.asset_condition.objects
    keys = {(asset.name, asset.uri) for asset in waited_for}
    before = [Asset(f"silver.{dataset}") for dataset in pipeline.datasets]
    assert keys == {(asset.name, asset.uri) for asset in before}

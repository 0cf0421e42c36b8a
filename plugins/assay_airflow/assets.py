"""The Assets of a pipeline: what its tasks read and what a release changes, as tables and folders.

An Asset has no URI, and the name of its table: other DAGs are scheduled by this name. Airflow
knows no description of an Asset; it shows `extra`, which therefore begins with one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow.sdk import DAG, Asset

from assay.contracts.load import gold_contracts, load_contract
from assay.contracts.model import Contract
from assay.contracts.pipelines import Pipeline


def landing_asset(dataset: str) -> Asset:
    """The folder that the files of a dataset are delivered to; no task tells of it."""
    source = load_contract("bronze", dataset).source
    patterns = ", ".join(source.patterns) if source else "files"
    return _asset("landing", dataset, f"Files as they are delivered: {patterns}.")


def quarantine_asset(dataset: str) -> Asset:
    """Quarantine of a dataset; told by each release of its pipeline."""
    broken = f"Records of {dataset} that broke a rule, with all reasons."
    return _asset("quarantine", dataset, f"{broken} In the lake, and in Postgres in ops.")


def silver_asset(dataset: str) -> Asset:
    """The released silver of a dataset; its events carry the release."""
    return _asset("silver", dataset, load_contract("silver", dataset).description)


def gold_asset(contract: Contract) -> Asset:
    """A released gold table, in the lake and in Postgres."""
    return _asset("gold", contract.name, contract.description)


def serving_asset(contract: Contract) -> Asset:
    """The rows of a silver table in Postgres."""
    schema, name = contract.serving.split(".")
    return _asset(schema, name, f"Released rows of {contract.table}, in Postgres.")


def add_lineage(dag: DAG, pipeline: Pipeline) -> None:
    """Say of the tasks of a pipeline what they read, and of its release what it changes."""
    datasets = pipeline.datasets
    silver = [silver_asset(dataset) for dataset in datasets]
    quarantine = [quarantine_asset(dataset) for dataset in datasets]
    read: dict[str, list[Asset]] = {
        "accept_files": [landing_asset(dataset) for dataset in datasets],
        "accept_releases": silver,
        "build_silver": [*silver, *quarantine],
        "build_gold": silver,
    }
    for task in dag.tasks:
        task.inlets = [*read.get(task.task_id, [])]
    dag.get_task("publish").outlets = [*RELEASED[pipeline.trigger](datasets)]


def _released_by_files(datasets: tuple[str, ...]) -> Iterator[Asset]:
    for dataset in datasets:
        yield silver_asset(dataset)
        yield quarantine_asset(dataset)
        silver = load_contract("silver", dataset)
        if silver.serving:
            yield serving_asset(silver)
    yield from map(gold_asset, gold_contracts(datasets))


def _released_by_releases(datasets: tuple[str, ...]) -> Iterator[Asset]:
    """Gold tables of one dataset are those of the pipeline that takes its files."""
    yield from (gold_asset(table) for table in gold_contracts(datasets) if len(table.datasets) > 1)


RELEASED: dict[str, Callable[[tuple[str, ...]], Iterator[Asset]]] = {
    "files": _released_by_files,
    "releases": _released_by_releases,
}


def _asset(layer: str, name: str, description: str) -> Asset:
    return Asset(f"{layer}.{name}", group=layer, extra={"description": description})

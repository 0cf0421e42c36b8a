"""Gold tables from frames of a test: their whole summary, and the candidates of a change set."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from assay.contracts.load import load_contract
from spark_jobs.stages.registry import gold_functions
from spark_jobs.transformations.touched_groups import SilverInput, gold_candidates


def summary_of(table: str, *frames: DataFrame) -> DataFrame:
    """The gold table of these silver frames, one for each of its datasets, in their order."""
    contract = load_contract("gold", table)
    grain, summarise = gold_functions(table)
    named = zip(contract.datasets, frames, strict=True)
    return summarise(contract, *(grain(frame, dataset) for dataset, frame in named))


def candidates_of(
    table: str, silvers: Sequence[DataFrame | None], changes: Sequence[DataFrame | None]
) -> DataFrame:
    """What a batch with these change sets would do to the gold table of these silver frames."""
    contract = load_contract("gold", table)
    inputs = [
        SilverInput(load_contract("silver", dataset), silver, change_set)
        for dataset, silver, change_set in zip(contract.datasets, silvers, changes, strict=True)
    ]
    before = [silver for silver in silvers if silver is not None]
    gold = summary_of(table, *before) if len(before) == len(silvers) else None
    return gold_candidates(inputs, gold, contract, *gold_functions(table))

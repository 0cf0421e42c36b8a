"""Finds the transformation of a dataset or gold table by its name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from pyspark.sql import DataFrame

from assay.contracts.model import Contract
from spark_jobs.transformations.conform import conform
from spark_jobs.transformations.touched_groups import Grain, Summary

SilverFunction = Callable[[DataFrame, Contract], DataFrame]


def silver_function(dataset: str) -> SilverFunction:
    """`transformations/silver/<dataset>.py`, function `<dataset>`, of a dataset with own rules.

    Of any other, all that makes a good record is in its contract.
    """
    name = f"spark_jobs.transformations.silver.{dataset}"
    if find_spec(name) is None:
        return conform
    return cast("SilverFunction", getattr(import_module(name), dataset))


def gold_functions(table: str) -> tuple[Grain, Summary]:
    """`gold/<table>/build.py`, beside its contract: its `grain` and its `summarise`."""
    module = import_module(f"gold.{table}.build")
    return module.grain, module.summarise

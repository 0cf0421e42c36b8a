"""Finds the generator of a dataset: `generator.py` beside its contract."""

from __future__ import annotations

from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from assay.contracts.folders import contract_path, dataset_names
from assay.errors import SettingsError
from assay.generate.recipe import Recipe


def generated_datasets() -> list[str]:
    """Every dataset that has a generator, in alphabetical order."""
    return [dataset for dataset in dataset_names() if _path_of(dataset).is_file()]


@cache
def recipe_of(dataset: str) -> Recipe:
    """The generator of a dataset. Raises SettingsError when there is none."""
    path = _path_of(dataset)
    spec = spec_from_file_location(f"datasets.{dataset}.generator", path)
    if not path.is_file() or spec is None or spec.loader is None:
        there = ", ".join(generated_datasets())
        raise SettingsError(f"{dataset}: no generator; there are {there}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.RECIPE
    if not isinstance(found, Recipe) or found.dataset != dataset:
        raise SettingsError(f"{path}: RECIPE must be the Recipe of {dataset}")
    return found


def _path_of(dataset: str) -> Path:
    return contract_path("bronze", dataset).with_name("generator.py")

"""Where the files of contracts are, and which there are."""

from __future__ import annotations

from pathlib import Path

from assay.settings import CONTRACTS

FILES = {"bronze": "dataset.yaml", "silver": "dataset.yaml", "gold": "table.yaml"}


def contract_path(layer: str, name: str) -> Path:
    """The file that a contract is in; bronze and silver of a dataset share one."""
    return CONTRACTS / ("gold" if layer == "gold" else "datasets") / name / FILES[layer]


def contract_names(layer: str) -> list[str]:
    """Every table of a layer that has a contract, in alphabetical order."""
    path = contract_path(layer, "*")
    return sorted(found.parent.name for found in path.parents[1].glob(f"*/{path.name}"))


def dataset_names() -> list[str]:
    """Every dataset, in alphabetical order."""
    return contract_names("bronze")

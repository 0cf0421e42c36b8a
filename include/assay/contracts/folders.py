"""Where the files of contracts are, and which there are."""

from __future__ import annotations

from pathlib import Path

from assay.errors import ContractError
from assay.settings import CONTRACTS, outside_contracts

FILES = {"bronze": "dataset.yaml", "silver": "dataset.yaml", "gold": "table.yaml"}


def contract_roots(layer: str) -> list[Path]:
    """The folders that contracts of a layer are found in; `ASSAY_DATASETS` adds one of datasets."""
    if layer == "gold":
        return [CONTRACTS / "gold"]
    outside = outside_contracts()
    return [CONTRACTS / "datasets", *([outside] if outside else [])]


def contract_path(layer: str, name: str) -> Path:
    """The file that a contract is in; bronze and silver of a dataset share one.

    Raises ContractError when there are two.
    """
    paths = [root / name / FILES[layer] for root in contract_roots(layer)]
    there = [path for path in paths if path.is_file()]
    if len(there) > 1:
        raise ContractError(f"{name} has two contracts: {there[0]} and {there[1]}; rename one")
    return there[0] if there else paths[0]


def contract_names(layer: str) -> list[str]:
    """Every table of a layer that has a contract, in alphabetical order."""
    found = (path for root in contract_roots(layer) for path in root.glob(f"*/{FILES[layer]}"))
    return sorted({path.parent.name for path in found})


def dataset_names() -> list[str]:
    """Every dataset, in alphabetical order."""
    return contract_names("bronze")

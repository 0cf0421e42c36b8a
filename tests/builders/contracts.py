"""Contracts as they may become: the repository's own, with some facts changed for a test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.contracts import folders
from assay.contracts.load import load_contract
from assay.settings import CONTRACTS

Facts = dict[str, Any]


def copy_contracts(folder: Path) -> None:
    """Put every contract into a folder, where a test may change them."""
    for name in ("datasets", "gold"):
        shutil.copytree(CONTRACTS / name, folder / name, dirs_exist_ok=True)


@contextmanager
def changed_contracts(
    folder: Path, changes: dict[str, Callable[[Facts], object]]
) -> Iterator[None]:
    """All contracts from `folder`, each dataset of `changes` as its function leaves it."""
    copy_contracts(folder)
    for dataset, change in changes.items():
        path = folder / "datasets" / dataset / "dataset.yaml"
        facts = yaml.safe_load(path.read_text())
        change(facts)
        path.write_text(yaml.safe_dump(facts, sort_keys=False))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(folders, "CONTRACTS", folder)
        load_contract.cache_clear()
        try:
            yield
        finally:
            load_contract.cache_clear()

"""A pipeline of mutual funds, the smallest dataset: its records, and contracts that change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.contracts import folders
from assay.contracts.load import load_contract
from builders.contracts import copy_contracts
from builders.deliveries import age

if TYPE_CHECKING:
    from builders.attempts import Attempts

FUNDS = "mutual_funds"
PLAIN = {"name": "a fund", "company_id": "1", "holdings": "10", "timestamp": "2026-01-01T10:00:00"}


def deliver(pipeline: Attempts, name: str, *records: dict[str, str]) -> Path:
    """A file at rest in the landing folder of the pipeline: good records, but for what is said."""
    path = pipeline.settings.landing / pipeline.pipeline / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({**PLAIN, **record}) + "\n" for record in records))
    return age(path)


@contextmanager
def changing_rules(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], None]]:
    """What changes a text of the dataset's contract, in a copy of all contracts."""
    copy = folder / "contracts"
    copy_contracts(copy)
    monkeypatch.setattr(folders, "CONTRACTS", copy)

    def change(old: str, new: str) -> None:
        path = copy / "datasets" / FUNDS / "dataset.yaml"
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))
        load_contract.cache_clear()

    yield change
    load_contract.cache_clear()

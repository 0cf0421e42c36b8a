"""One version for contracts and transformations: it moves with each of them, and only with them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from assay.batch import rules
from assay.batch.rules import rules_version
from assay.contracts.model import Contract
from assay.settings import GOLD, SPARK_JOBS


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the transformations that a test may change."""
    shutil.copytree(SPARK_JOBS / "transformations", tmp_path / "transformations")
    shutil.copytree(GOLD, tmp_path / "gold")
    monkeypatch.setattr(rules, "SPARK_JOBS", tmp_path)
    monkeypatch.setattr(rules, "GOLD", tmp_path / "gold")
    return tmp_path


def test_the_same_rules_have_the_same_version(jobs: Path) -> None:
    version = rules_version(["trades"])
    assert version == rules_version(["trades"])
    assert len(version) == 12


@pytest.mark.parametrize(
    "name",
    [
        "transformations/conform.py",
        "transformations/silver/trades.py",
        "gold/daily_returns/build.py",
    ],
)
def test_a_changed_transformation_changes_the_version(jobs: Path, name: str) -> None:
    before = rules_version(["trades"])
    path = jobs / name
    path.write_text(path.read_text() + "# changed\n")
    assert rules_version(["trades"]) != before


@pytest.mark.parametrize("table", ["bronze.trades", "silver.trades", "gold.daily_trade_summary"])
def test_a_changed_contract_changes_the_version(
    jobs: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    before = rules_version(["trades"])

    def changed(contract: Contract) -> Contract:
        return replace(contract, version="changed") if contract.table == table else contract

    everything = [changed(contract) for contract in rules.contracts_of(["trades"])]
    monkeypatch.setattr(rules, "contracts_of", lambda _: everything)
    assert rules_version(["trades"]) != before


def test_what_is_not_a_rule_leaves_the_version(jobs: Path) -> None:
    before = rules_version(["trades"])
    (jobs / "notes.txt").write_text("nothing")
    assert rules_version(["trades"]) == before

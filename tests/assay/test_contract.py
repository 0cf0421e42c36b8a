"""Contracts load whole, and a wrong one names its file and its fault."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from assay.contract import gold_contracts, load_contract, read_contract
from assay.errors import ContractError
from assay.settings import CONTRACTS

ALL = sorted(CONTRACTS.glob("*/*.yaml"))


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_every_contract_loads(path: Path) -> None:
    contract = read_contract(path)
    assert contract.expectations
    assert all(column.description for column in contract.columns if contract.layer != "bronze")
    names = [expectation.name for expectation in contract.expectations]
    assert len(names) == len(set(names)), "verdicts are recorded by name"


def test_the_three_layers_of_trades_have_enough_expectations() -> None:
    contracts = [load_contract("bronze", "trades"), load_contract("silver", "trades")]
    contracts += gold_contracts(["trades"])
    assert sum(len(contract.expectations) for contract in contracts) >= 14


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"table": "silver.other"}, "the file is trades.yaml"),
        ({"keys": ["nobody"]}, "nobody is named as key, time, total or condition but is no column"),
        ({"event_time": "nobody"}, "nobody is named as key, time, total"),
        ({"expectations": []}, "expectations are empty"),
        ({"colums": []}, "colums"),
        ({"columns": [{"name": "a", "type": "varchar"}]}, "type varchar is not one of"),
        ({"columns": [{"name": "a", "type": "decimal(18)"}]}, r"type decimal\(18\) is not one of"),
        ({"columns": [{"name": "a"}, {"name": "a"}]}, "column a is given twice"),
        ({"columns": [{"name": "a", "standardise": "Upper"}]}, "standardise is one of trim, upper"),
        ({"columns": [{"name": "a", "type": "int", "minimum": "zero"}]}, "bound 'zero' must be"),
        ({"columns": [{"name": "a", "type": "int", "maximum": 9}]}, "bound 9 must be a value"),
        ({"event_time": ""}, "a contract of silver needs event_time"),
        ({"dataset": "trade"}, "dataset is trade, but the file is trades.yaml"),
        ({"source": {"system": "x", "patterns": ["*"], "settle_seconds": -1}}, "is -1, not a num"),
        ({"source": {"system": "x", "patterns": ["*"], "settle_seconds": "5"}}, "is '5', not a n"),
    ],
)
def test_a_wrong_contract_names_its_fault(
    tmp_path: Path, change: dict[str, object], fault: str
) -> None:
    facts = yaml.safe_load((CONTRACTS / "silver" / "trades.yaml").read_text())
    path = tmp_path / "silver" / "trades.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump({**facts, **change}))
    with pytest.raises(ContractError, match=fault) as caught:
        read_contract(path)
    assert str(path) in str(caught.value)


def test_a_missing_contract_names_its_file() -> None:
    with pytest.raises(ContractError, match=r"silver/nothing\.yaml: no such contract"):
        load_contract("silver", "nothing")


@pytest.mark.parametrize(
    ("limits", "fault"),
    [
        ({"records": 0}, "source.limits.records: 0 is not from 1 to any number"),
        ({"nesting": 5_000}, "source.limits.nesting: 5000 is not from 1 to 900"),
        ({"rows": 1}, "unexpected keyword argument 'rows'"),
    ],
)
def test_limits_of_a_file_are_bounded_by_what_spark_reads(
    tmp_path: Path, limits: dict[str, int], fault: str
) -> None:
    facts = yaml.safe_load((CONTRACTS / "bronze" / "trades.yaml").read_text())
    path = tmp_path / "bronze" / "trades.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump({**facts, "source": {**facts["source"], "limits": limits}}))
    with pytest.raises(ContractError, match=fault):
        read_contract(path)

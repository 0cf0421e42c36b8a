"""A column that would hide one of ours is refused, with its line and what to call it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.contracts.folders import contract_path
from assay.contracts.lineage import LINEAGE, name_in_lake
from assay.contracts.load import load_contract, read_contract
from assay.contracts.model import Layer
from assay.contracts.reserved import IN_BRONZE, IN_SILVER, OF_LINEAGE
from assay.errors import ContractError
from spark_jobs.lakehouse.schemas import bronze_ddl, silver_ddl

Facts = dict[str, Any]


def with_column(folder: Path, layer: Layer, name: str, column: Facts, **facts: Any) -> Path:
    """The file of a table with one column more, its last."""
    told = contract_path(layer, name)
    changed = {**yaml.safe_load(told.read_text()), **facts}
    changed["columns"].append(column)
    path = folder / name / told.name
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(changed, sort_keys=False))
    return path


def refusal(path: Path, layer: Layer) -> str:
    with pytest.raises(ContractError) as refused:
        read_contract(layer, path)
    return str(refused.value)


def line_of(path: Path, name: str) -> int:
    return path.read_text().splitlines().index(f"- name: {name}") + 1


@pytest.mark.parametrize("name", [*sorted(OF_LINEAGE), "Slice_ID"])
@pytest.mark.parametrize("only", [{}, {"only": "bronze"}])
def test_a_delivered_column_gets_another_name_and_keeps_its_spelling(
    tmp_path: Path, name: str, only: Facts
) -> None:
    path = with_column(tmp_path, "silver", "trades", {"name": name, **only})
    told = (
        f"{path}:{line_of(path, name)}: columns.{name}.name: {name} is reserved: rows get a column "
        f"of that name on their way; call the column {name}_value, and name its spelling in the "
        f"file: header: {name}"
    )
    assert refusal(path, "silver") == told
    assert refusal(path, "bronze") == told
    mended = path.read_text().replace(f"- name: {name}", f"- header: {name}\n  name: {name}_value")
    path.write_text(mended)
    bronze = read_contract("bronze", path)
    assert (bronze.columns[-1].name, bronze.columns[-1].header) == (f"{name}_value", name)


def test_a_column_made_of_another_one_has_no_spelling(tmp_path: Path) -> None:
    column = {"name": "version", "source": "created_by"}
    told = refusal(with_column(tmp_path, "silver", "trades", column), "silver")
    assert told.endswith("; call the column version_value")


@pytest.mark.parametrize("name", [*sorted(OF_LINEAGE), "deleted", "xmin"])
def test_a_column_of_gold_gets_another_name(tmp_path: Path, name: str) -> None:
    path = with_column(tmp_path, "gold", "daily_returns", {"name": name})
    assert refusal(path, "gold") == (
        f"{path}:{line_of(path, name)}: columns.{name}.name: {name} is reserved: rows get a column "
        f"of that name on their way; call the column {name}_value"
    )


@pytest.mark.parametrize(
    ("layer", "name", "column"),
    [
        # A word is taken only where it means something else.
        ("gold", "daily_returns", {"name": "version"}),
        ("silver", "trades", {"name": "raw", "only": "bronze"}),
        ("silver", "trades", {"name": "rounded"}),
        ("silver", "trades", {"name": "stays"}),
        ("silver", "mutual_funds", {"name": "batch"}),
    ],
)
def test_other_words_are_free(tmp_path: Path, layer: Layer, name: str, column: Facts) -> None:
    path = with_column(tmp_path, layer, name, column)
    assert column["name"] in yaml.safe_load(path.read_text())["columns"][-1].values()
    read_contract(layer, path)


def test_words_of_postgres_and_of_rounding_are_taken_where_they_have_a_meaning(
    tmp_path: Path,
) -> None:
    served = with_column(tmp_path, "silver", "trades", {"name": "ctid"})
    assert "ctid is reserved" in refusal(served, "silver")
    served.write_text(re.sub(r"(?m)^serving:.*\n", "", served.read_text()))
    read_contract("silver", served)
    column = {"name": "rounded", "type": "decimal(9,2)", "round": "half_even"}
    rounds = with_column(tmp_path, "silver", "stocks", column)
    assert "rounded is reserved" in refusal(rounds, "silver")


def test_every_column_that_tables_add_is_reserved() -> None:
    """And so is a column that lineage gains, under both of its names."""
    lineage = {name for c in LINEAGE for name in (c.name, name_in_lake(c))}
    assert lineage <= OF_LINEAGE
    for layer, ddl, reserved in (
        ("bronze", bronze_ddl, IN_BRONZE),
        ("silver", silver_ddl, IN_SILVER),
    ):
        contract = load_contract(layer, "trades")
        names = re.findall(r"(?:^|, )(\w+) ", ddl(contract))
        assert {*names} - {*contract.column_names} <= reserved
        assert lineage - {"slice_id"} <= {*names}

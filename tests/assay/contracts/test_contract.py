"""Contracts load whole, and a wrong one names its file and every fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from assay.contracts.dialect import Dialect, TextForms
from assay.contracts.folders import contract_path
from assay.contracts.load import all_contracts, gold_contracts, load_contract, read_contract
from assay.contracts.model import Contract, Layer
from assay.errors import ContractError

ALL = [contract for layer in get_args(Layer) for contract in all_contracts(layer)]
Facts = dict[str, Any]
ODD: Facts = {"frame": "rows", "type": "expect_column_to_exist", "kwargs": {"column": "a"}}


def changed(folder: Path, change: Facts | Callable[[Facts], object]) -> Path:
    """The file of trades with some facts changed."""
    facts = yaml.safe_load(contract_path("silver", "trades").read_text())
    if callable(change):
        change(facts)
    else:
        facts.update(change)
    path = folder / "trades" / "dataset.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(facts, sort_keys=False))
    return path


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.table)
def test_every_contract_loads(contract: Contract) -> None:
    assert contract.expectations
    assert all(column.description for column in contract.columns if contract.layer != "bronze")


def test_the_three_layers_of_trades_have_enough_expectations() -> None:
    contracts = [load_contract("bronze", "trades"), load_contract("silver", "trades")]
    contracts += gold_contracts(["trades"])
    assert sum(len(contract.expectations) for contract in contracts) >= 14


def test_a_column_is_in_the_layers_that_it_belongs_to() -> None:
    bronze, silver = load_contract("bronze", "stocks"), load_contract("silver", "stocks")
    assert [c.name for c in bronze.columns][-3:] == ["timestamp", "exchange", "sector"]
    assert [c.name for c in silver.columns][-3:] == ["stock_timestamp", "exchange", "sector"]
    assert {c.type for c in bronze.columns} == {"string"}
    sector = bronze.columns[-1]
    assert (sector.header, sector.required, sector.description) == ("details.sector", False, "")
    moment = silver.columns[-3]
    assert (moment.source, moment.header, moment.nullable) == ("timestamp", "", False)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"table": "silver.other"}, "table: no such key"),
        ({"keys": ["nobody"]}, "keys.1: there is no column nobody; there are created_by,"),
        (
            {"event_time": "updated"},
            r"event_time: there is no column updated; did you .* updated_on\?",
        ),
        ({"colums": []}, r"colums: no such key; did you mean columns\?"),
        (
            {"columns": [{"name": "a", "type": "varchar"}]},
            "columns.a.type: 'varchar' is not one of",
        ),
        (
            {"columns": [{"name": "a", "type": "decimal(18)"}]},
            r"'decimal\(18\)' is not one of string, int,",
        ),
        ({"columns": [{"name": "a"}, {"name": "a"}]}, "columns.a.name: a is given twice"),
        (
            {"columns": [{"name": "a", "type": "int", "round": "half_even"}]},
            "columns.a.round: is of decimals with up to 36 digits, not of int",
        ),
        (
            {"columns": [{"name": "a", "type": "decimal(37,2)", "round": "half_even"}]},
            r"columns.a.round: is of decimals with up to 36 digits, not of decimal\(37,2\)",
        ),
        (
            {"columns": [{"name": "a", "type": "decimal(9,2)", "round": "half_up"}]},
            "columns.a.round: 'half_up' is not one of",
        ),
        (
            {"columns": [{"name": "a", "only": "bronze", "round": "half_even"}]},
            "columns.a.round: the column is bronze only, so round has no meaning",
        ),
        (
            {"columns": [{"name": "a", "standardise": "Upper"}]},
            "'Upper' is not one of 'trim', 'upper'",
        ),
        (
            {"columns": [{"name": "a", "type": "int", "minimum": "zero"}]},
            "a.minimum: 'zero' is no value of int",
        ),
        (
            {"columns": [{"name": "a", "type": "int", "maximum": 9}]},
            "a.maximum: 9 is not a text; put it in quotes",
        ),
        ({"columns": [{"name": "a", "nulable": False}]}, r"columns.a.nulable: no .* nullable\?"),
        ({"columns": ["a"]}, "columns.1: 'a' is not a mapping; its keys are name,"),
        (
            {"columns": [{"name": "a", "only": "gold"}]},
            "columns.a.only: 'gold' is not one of 'bronze'",
        ),
        ({"columns": [{"name": "a", "only": "bronze", "type": "int"}]}, "so type has no meaning"),
        ({"columns": [{"name": "a", "source": "b", "header": "B"}]}, "so header has no meaning"),
        (
            {"columns": [{"name": "a", "headers": {"old": "A"}}]},
            "source.shapes has no old",
        ),
        (
            {"columns": [{"name": "amount"}, {"name": "a", "source": "amuont"}]},
            r"columns.a.source: there is no column amuont; did you mean amount\?",
        ),
        ({"expectations": []}, r"expectations: \[\] is not a mapping; its keys are bronze, silver"),
        ({"expectations": {"silver": [{"nam": "x"}]}}, r"nam: no such key; did you mean name\?"),
        ({"expectations": {"silver": [{"name": "x"}]}}, "expectations.silver.x.kwargs: is missing"),
        ({"columns": [{"name": "a", "expect": {"known": "x"}}]}, "known: needs allowed or categ"),
        ({"columns": [{"name": "a", "expect": {"knwn": "x"}}]}, r"knwn: no such key; .* known\?"),
        ({"most_quarantined": 10}, "most_quarantined: 10 is more than 1"),
        (
            {"expectations": {"silver": [{**ODD, "name": "x"}, {**ODD, "name": "x"}]}},
            "expectations: 'x' is given twice",
        ),
        ({"event_time": ""}, "event_time: '' is empty"),
        ({"source": {"system": "x"}}, r"source\.patterns: is missing"),
    ],
)
def test_a_wrong_contract_names_its_fault(tmp_path: Path, change: Facts, fault: str) -> None:
    path = changed(tmp_path, change)
    with pytest.raises(ContractError, match=fault) as caught:
        read_contract("silver", path)
    assert str(path) in str(caught.value)


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    columns = [{"name": "a", "typ": "int"}, {"name": "b", "type": "int", "minimum": "x"}]
    change: Facts = {"ownr": "x", "keys": ["a", 7], "source": 7, "columns": columns}
    path = changed(tmp_path, change)
    with pytest.raises(ContractError) as caught:
        read_contract("bronze", path)
    assert str(caught.value).splitlines() == [
        f"{path}:7: keys.2: 7 is not a text; put it in quotes",
        f"{path}:12: source: 7 is not a mapping; its keys are delimiter, quote, encoding, header, "
        "decimal, thousands, date_formats, null_values, true_values, false_values, system, "
        "patterns, settle_seconds, limits, stream, description, shapes",
        f"{path}:15: columns.a.typ: no such key; did you mean type?",
        f"{path}:18: columns.b.minimum: 'x' is no value of int",
        f"{path}:29: ownr: no such key; did you mean owner?",
    ]


def test_a_key_that_is_given_twice_names_both_lines(tmp_path: Path) -> None:
    path = changed(tmp_path, {})
    text = path.read_text().replace(
        "  required: true\n", "  required: true\n  required: false\n", 1
    )
    path.write_text(text)
    line = text[: text.index("  required: false")].count("\n") + 1
    why = f"columns.trade_id.required: is given twice, first in line {line - 1}"
    with pytest.raises(ContractError, match=f"^{path}:{line}: {why}$"):
        read_contract("silver", path)


@pytest.mark.parametrize("text", ["", "- a\n", "columns: [\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dataset.yaml"
    path.write_text(text)
    with pytest.raises(ContractError, match=f"{path}: "):
        read_contract("silver", path)


def test_a_written_default_is_as_good_as_none(tmp_path: Path) -> None:
    """A key that contracts get later must not make all of them new."""
    told: Facts = {"on_equal_version": "latest_delivery", "retention_days": 60}
    path = changed(tmp_path, lambda facts: facts["source"].pop("delimiter") and facts.update(told))
    assert read_contract("bronze", path).version == load_contract("bronze", "trades").version
    assert read_contract("silver", path).version == load_contract("silver", "trades").version


def test_a_missing_contract_names_its_file() -> None:
    with pytest.raises(ContractError, match=r"nothing/dataset\.yaml: no such file"):
        load_contract("silver", "nothing")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ({"settle_seconds": -1}, "source.settle_seconds: -1 is less than 0"),
        ({"settle_seconds": "5"}, "source.settle_seconds: '5' is not a number"),
        ({"limits": {"records": 0}}, "source.limits.records: 0 is not more than 0"),
        ({"limits": {"nesting": 5_000}}, "source.limits.nesting: 5000 is more than 900"),
        ({"limits": {"rows": 1}}, "source.limits.rows: no such key"),
        ({"delimeter": ";"}, r"source.delimeter: no such key; did you mean delimiter\?"),
        ({"delimiter": ";;"}, "source.delimiter: ';;' is not one character of ASCII"),
        ({"delimiter": "\\t"}, r"source.delimiter: .* a tab is written .* in double quotes"),
        (
            {"delimiter": "x"},
            "source.delimiter: 'x' is not one character of ASCII that is no lette",
        ),
        ({"quote": ""}, "source.quote: '' is not one character"),
        ({"quote": "\t"}, "source.quote: .* is not one character"),
        ({"quote": ","}, "source.quote: ',' is the delimiter as well"),
        ({"encoding": "utf8"}, r"source.encoding: 'utf8' is not one .* did you mean utf-8\?"),
        (
            {"encoding": "shift-jis"},
            "is not one of 'utf-8', 'utf-8-sig', 'utf-16', 'latin-1', 'cp1252'",
        ),
        ({"encoding": 7}, "source.encoding: 7 is not one of"),
        ({"header": "no"}, "source.header: 'no' is not true or false"),
        ({"header": False, "shapes": ["old"]}, "source.shapes: files without a header"),
        ({"decimal": ";"}, "source.decimal: ';' is not one of '.', ','"),
        ({"thousands": "-"}, "source.thousands: '-' is not one of '', '.', ','"),
        ({"thousands": "."}, "source.thousands: '.' is the decimal mark as well"),
        ({"date_formats": "dd/MM/yyyy"}, "date_formats: 'dd/MM/yyyy' is not a list"),
        ({"date_formats": []}, r"date_formats: \[\] is empty"),
        ({"date_formats": ["dd/mm/yyyy"]}, "'dd/mm/yyyy' has not year, month and day once each"),
        ({"date_formats": ["dd/MM/yy"]}, "'dd/MM/yy' has 'y'; a format is of yyyy, MM, M, dd"),
        ({"date_formats": [7]}, "date_formats.1: 7 is not a text"),
        ({"date_formats": ["dMyyyy"]}, "'dMyyyy' has one or two digits beside others"),
        ({"date_formats": ["dd/MM/yyyy HH"]}, "has a time without hour or minute"),
        ({"date_formats": ["dd/MM/yyyy ss"]}, "has a time without hour or minute"),
        ({"date_formats": ["dd/MM/yyyy", "M/d/yyyy"]}, "'M/d/yyyy' take the same texts"),
        ({"date_formats": ["yyyy-dd-MM", "iso"]}, "'yyyy-dd-MM' and 'iso' take the same texts"),
        ({"date_formats": ["ddMMyyyy", "yyyyMMdd"]}, "'yyyyMMdd' take the same texts"),
        ({"null_values": "NA"}, "null_values: 'NA' is not a list"),
        ({"null_values": [None]}, "null_values.1: None is not a text; put it in quotes"),
        ({"true_values": [True], "false_values": ["x"]}, "true_values.1: True is not a text"),
        (
            {"true_values": ["J"]},
            "source.false_values: is missing; true_values needs its counterpart",
        ),
        (
            {"false_values": ["N"]},
            "source.true_values: is missing; false_values needs its counterpart",
        ),
        ({"true_values": ["J"], "false_values": ["J"]}, "'J' is one of true_values as well"),
        ({"patterns": ["*.jsonl"], "delimiter": ";"}, "delimiter: no file of the patterns is CSV"),
        ({"patterns": ["*.csv", "*.json"], "decimal": ","}, "decimal: JSON and Parquet have num"),
        ({"patterns": ["*.parquet"], "date_formats": ["d/M/yyyy"]}, "Parquet has dates of its own"),
    ],
)
def test_a_wrong_source_names_its_fault(tmp_path: Path, source: Facts, fault: str) -> None:
    path = changed(tmp_path, lambda facts: facts["source"].update(source))
    with pytest.raises(ContractError, match=fault):
        read_contract("bronze", path)


def test_a_version_moves_with_what_its_layer_is_told_and_with_nothing_else(tmp_path: Path) -> None:
    def versions(change: Callable[[Facts], object]) -> tuple[bool, bool]:
        path = changed(tmp_path, change)
        found = (read_contract("bronze", path), read_contract("silver", path))
        return found[0].version != bronze.version, found[1].version != silver.version

    bronze, silver = load_contract("bronze", "trades"), load_contract("silver", "trades")
    assert versions(lambda facts: None) == (False, False)
    assert versions(lambda facts: facts["columns"][0].update(header="Id")) == (True, False)
    assert versions(lambda facts: facts["columns"][4].update(minimum="1")) == (False, True)
    assert versions(lambda facts: facts["columns"].append({"name": "desk"})) == (True, True)
    assert versions(lambda facts: facts.update(expect_every_days=1)) == (True, False)
    assert versions(lambda facts: facts.update(most_quarantined=0.2)) == (False, True)


def test_dialect_is_a_fact_of_bronze_and_forms_are_facts_of_silver(tmp_path: Path) -> None:
    bronze, silver = load_contract("bronze", "trades"), load_contract("silver", "trades")

    def read(**source: Any) -> tuple[Contract, Contract]:
        path = changed(tmp_path, lambda facts: facts["source"].update(source))
        return read_contract("bronze", path), read_contract("silver", path)

    first, second = read(delimiter=";", header=False, encoding="cp1252")
    assert first.dialect == Dialect(";", '"', "cp1252", header=False)
    assert (first.version != bronze.version, second.version) == (True, silver.version)
    first, second = read(decimal=",", date_formats=["dd/MM/yyyy", "iso"], null_values=["NA"])
    assert second.forms == TextForms(",", date_formats=("dd/MM/yyyy", "iso"), null_values=("NA",))
    assert (first.version, second.version != silver.version) == (bronze.version, True)

"""The auditor's own reading of delivered files."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.contracts.dialect import Dialect
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.verify.records import CHUNK, read_numbered, read_records
from assay.verify.spelling import same_value

TRADES = load_contract("bronze", "trades")
STOCKS = load_contract("bronze", "stocks")
RETURNS = load_contract("bronze", "product_returns")


def read(path: Path, contract: Contract) -> list[dict[str, Any]]:
    """What the records have, by column."""
    rows = [row for batch in read_records(path, contract) for row in batch.to_pylist()]
    return [{name: text for name, text in row.items() if text is not None} for row in rows]


def write(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


def test_csv_is_read_by_the_delimiter_of_its_contract(tmp_path: Path) -> None:
    assert TRADES.source
    semicolons = replace(TRADES, source=replace(TRADES.source, dialect=Dialect(delimiter=";")))
    text = 'TradeId;From_Cost\r\na;"1,5"\r\n\r\nb;"two\r\nlines; and ""more"""\r\n'
    assert read(write(tmp_path / "x.csv", text), semicolons) == [
        {"trade_id": "a", "from_cost": "1,5"},
        {"trade_id": "b", "from_cost": 'two\r\nlines; and "more"'},
    ]


def test_csv_columns_are_found_by_name_whatever_their_order_and_case(tmp_path: Path) -> None:
    text = "\ufeffextra, TRADEID ,From_Cost\nx,a,1\nx,too few\nx,a,1,too many\n"
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert [row["trade_id"] for row in read(path, TRADES)] == ["a", "too few", "a"]


def test_a_shape_gives_columns_other_names(tmp_path: Path) -> None:
    text = "return_id,order_id,product_id,return_reason,qty,refund_amount\n1,2,SKU,why,1,2.50\n"
    (row,) = read(write(tmp_path / "x.csv", text), RETURNS)
    assert (row["sku"], row["reason"], row["amount"]) == ("SKU", "why", "2.50")
    record = {"return_id": 1, "return_reason": "why", "refund_amount": 2.50, "product_id": "SKU"}
    (row,) = read(write(tmp_path / "x.jsonl", json.dumps(record)), RETURNS)
    assert (row["sku"], row["reason"], row["amount"]) == ("SKU", "why", "2.5")


def test_json_fields_are_found_nested_flat_and_in_another_case(tmp_path: Path) -> None:
    records = [
        {"symbol": "A", "details": {"exchange": "NYSE", "sector": None}},
        {"Symbol": "007", "details.exchange": "LSE", "price": 10},
        {"symbol": True, "volume": [1, 2.50], "price": None},
    ]
    lines = "\n\n".join(map(json.dumps, records)) + "\nno object\n[1]\n"
    expected = [
        {"symbol": "A", "exchange": "NYSE"},
        {"symbol": "007", "exchange": "LSE", "price": "10"},
        {"symbol": "true", "volume": '["1","2.5"]'},
    ]
    assert read(write(tmp_path / "x.jsonl", lines), STOCKS) == [*expected, {}, {}]
    array = write(tmp_path / "x.json", f"\ufeff\n{json.dumps(records)}")
    assert read(array, STOCKS) == expected


def test_records_of_a_long_file_are_numbered_through(tmp_path: Path) -> None:
    many = CHUNK + 5
    path = write(tmp_path / "x.csv", "TradeId\n" + "".join(f"t{n}\n" for n in range(1, many + 1)))
    rows = [row for table in read_numbered(path, TRADES) for row in table.to_pylist()]
    assert [row["record_number"] for row in rows] == [*range(1, many + 1)]
    assert all(row["trade_id"] == f"t{row['record_number']}" for row in rows)


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"Return_Id": ["a"], "qty": pa.array([1], pa.int32())}), path)
    (batch,) = read_records(path, RETURNS)
    assert batch.schema.names == RETURNS.column_names
    assert (batch.column("return_id").to_pylist(), batch.column("qty").type) == (["a"], pa.int32())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.50", "1.5", True),
        ("1e3", "1000.0", True),
        ("", None, True),
        ('{"a":"1.5"}', '{"a": 1.50}', True),
        ("007", "7", False),
        ("true", "false", False),
        ("abc", "ABC", False),
        ("1", "", False),
    ],
)
def test_only_numbers_have_several_spellings(one: str, other: str, same: bool) -> None:
    assert same_value(one, other) is same

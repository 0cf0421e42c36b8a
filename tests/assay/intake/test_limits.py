"""Limits of what a file may hold, asked before memory or time is spent on it."""

from __future__ import annotations

import gzip
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from assay.contracts.delivery import Limits
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.errors import FileRejectedError
from assay.intake.records import inspect_file
from corpus.json_files import JsonCases
from corpus.parquet_files import ParquetCases, as_parquet
from corpus.trades import HEADER, rows, text

RETURNS, TRADES = load_contract("bronze", "product_returns"), load_contract("bronze", "trades")
JSON, PARQUET = JsonCases("product_returns"), ParquetCases("product_returns")


def limited(contract: Contract, **limits: int) -> Contract:
    """The contract with other limits."""
    assert contract.source
    return replace(contract, source=replace(contract.source, limits=Limits(**limits)))


def refusal(path: Path, content: bytes, contract: Contract) -> str:
    path.write_bytes(content)
    with pytest.raises(FileRejectedError) as refused:
        inspect_file(path, contract)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "limits", "what", "remedy"),
    [
        ("a.csv", text(HEADER, *rows(3)), {"records": 2}, "records", "deliver several files"),
        ("a.csv", text(HEADER), {"unpacked_bytes": 99}, "bytes of text", "deliver several files"),
    ],
)
def test_text_above_a_limit_is_rejected_with_the_key_that_raises_it(
    tmp_path: Path, name: str, content: bytes, limits: dict[str, int], what: str, remedy: str
) -> None:
    ((limit, most),) = limits.items()
    key = f"source.limits.{limit} in datasets/trades/dataset.yaml"
    reason = f"more than {most} {what}; {remedy}, or raise {key}"
    assert refusal(tmp_path / name, content, limited(TRADES, **limits)) == reason
    assert inspect_file(tmp_path / name, TRADES)


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"records": 2}, "records"),
        ({"array_bytes": 99}, "bytes in a JSON array"),
        ({"json_values": 9}, "values in a JSON array"),
    ],
)
def test_array_above_a_limit_is_rejected(tmp_path: Path, limits: dict[str, int], what: str) -> None:
    content = f"[{','.join(JSON.lines)}]".encode()
    reason = refusal(tmp_path / "a.json", content, limited(RETURNS, **limits))
    ((limit, most),) = limits.items()
    assert reason.startswith(f"more than {most} {what}; deliver ")
    assert f"raise source.limits.{limit} in datasets/product_returns/dataset.yaml" in reason
    assert inspect_file(tmp_path / "a.json", RETURNS).records == 3


def test_line_of_very_many_values_is_rejected(tmp_path: Path) -> None:
    line = JSON.with_field(f"[{'0,' * 200}0]").encode()
    reason = refusal(tmp_path / "a.jsonl", line, limited(RETURNS, json_values=100))
    assert reason.startswith("more than 100 values in one line of JSON; raise source.limits.json_")


@pytest.mark.parametrize("part", [b"[],", b'{"a":0},'])
def test_array_of_nothing_much_costs_no_more_than_its_text(tmp_path: Path, part: bytes) -> None:
    path = tmp_path / "a.json.gz"
    content = b"[" + part * ((20 << 20) // len(part)) + part[:-1] + b"]"
    path.write_bytes(gzip.compress(content, 1, mtime=0))
    tracemalloc.start()
    try:
        with pytest.raises(FileRejectedError, match="5,000,000 values in a JSON array"):
            inspect_file(path, RETURNS)
        assert tracemalloc.get_traced_memory()[1] < 192 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("limits", "what"), [({"records": 2}, "records"), ({"unpacked_bytes": 99}, "bytes of values")]
)
def test_parquet_above_a_limit_is_rejected_by_its_footer(
    tmp_path: Path, limits: dict[str, int], what: str
) -> None:
    content = as_parquet(PARQUET.table)
    spoilt = content[:4] + bytes(400) + content[404:]  # its pages cannot be read
    reason = refusal(tmp_path / "a.parquet", spoilt, limited(RETURNS, **limits))
    ((limit, most),) = limits.items()
    assert reason.startswith(f"more than {most} {what}; deliver several files, or raise")
    assert f"source.limits.{limit} in datasets/product_returns/dataset.yaml" in reason


def test_parquet_of_one_long_text_many_times_is_not_unpacked(tmp_path: Path) -> None:
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000), pa.array(["x" * 100_000]))
    table = pa.table({h: pa.array(["7"] * 200_000) for h in PARQUET.good.headers})
    content = as_parquet(table.append_column("desk", long), store_schema=False)
    assert len(content) < 1 << 20
    before = pa.total_allocated_bytes()
    reason = refusal(tmp_path / "a.parquet", content, RETURNS)
    assert reason.startswith("more than 10,737,418,240 bytes of values; deliver several files")
    assert pa.total_allocated_bytes() - before < 64 << 20

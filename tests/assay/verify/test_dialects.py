"""The auditor reads a file by the dialect of its feed, with a reader of its own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from assay.contracts.dialect import Dialect
from assay.verify.records import HowToRead, how_to_read, read_records
from builders.feeds import COLUMNS, DIALECTS, RECORDS, as_csv, make_feed, name_of


def how(name: str) -> HowToRead:
    return how_to_read({"source_file": name, "kind": "file", "format": "csv"})


@pytest.mark.parametrize("dialect", DIALECTS, ids=name_of)
def test_records_are_read_in_every_dialect(tmp_path: Path, dialect: Dialect) -> None:
    contract = make_feed(tmp_path, **asdict(dialect)).bronze
    path = tmp_path / "a.csv"
    path.write_bytes(as_csv(RECORDS, dialect))
    rows = [row for batch in read_records(path, contract) for row in batch.to_pylist()]
    assert [[*row.values()] for row in rows] == RECORDS
    assert {*rows[0]} == {column["name"] for column in COLUMNS}


def test_a_patch_is_read_by_its_header(tmp_path: Path) -> None:
    contract = make_feed(tmp_path, header=False).bronze
    path = tmp_path / "f.csv"
    path.write_text("row_id,city,SaleId\nf:1,x,1\n")
    (batch,) = read_records(path, contract, **how("today/patch-1.csv"))
    (row,) = batch.to_pylist()
    assert (row["sale_id"], row["city"], row["amount"]) == ("1", "x", None)
    assert not how("patch-of/sales.csv")["is_patch"]

"""The increment of the bench: mostly new trades, and newer versions of delivered ones."""

from __future__ import annotations

import csv
from pathlib import Path

from assay.bench.again import make_increment
from assay.bench.workbench import Workbench
from assay.settings import load_settings


def test_each_has_new_records_and_some_newer_than_all_before(tmp_path: Path) -> None:
    bench = Workbench(load_settings({"ASSAY_HOME": str(tmp_path)}), 4, 1000, lambda line: None)
    delivered = {key: row for path in bench.full_files() for key, row in read_trades(path).items()}

    for number in (1, 2):
        files = make_increment(bench, 20, number)
        brought = {key: row for path in files for key, row in read_trades(path).items()}
        updated = brought.keys() & delivered.keys()
        assert len(files) == 2
        assert len(updated) == 4
        assert all(brought[k]["Updated_on"] > delivered[k]["Updated_on"] for k in updated)
        assert 30 <= len(brought) - len(updated) <= 36
        delivered |= brought


def read_trades(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["TradeId"], row["CustomerId"]): row for row in rows}

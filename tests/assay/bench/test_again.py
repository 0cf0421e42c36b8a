"""The increment of the bench: mostly new trades, and newer versions of delivered ones."""

from __future__ import annotations

import csv
from pathlib import Path

from assay.bench.again import make_increment
from assay.bench.workbench import Workbench
from assay.settings import load_settings


def test_it_has_one_per_cent_of_new_and_updated_records(tmp_path: Path) -> None:
    bench = Workbench(load_settings({"ASSAY_HOME": str(tmp_path)}), 4, 1000, lambda line: None)

    files = make_increment(bench)

    delivered = {key: row for path in bench.full_files() for key, row in read_trades(path).items()}
    updated = new = 0
    for path in files:
        for key, row in read_trades(path).items():
            if key in delivered:
                assert row["Updated_on"] > delivered[key]["Updated_on"]
                updated += 1
            else:
                new += 1
    assert len(files) == 2
    assert updated == 4
    assert 30 <= new <= 36


def read_trades(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["TradeId"], row["CustomerId"]): row for row in rows}

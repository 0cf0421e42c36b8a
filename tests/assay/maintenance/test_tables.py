"""What releases and open batches still need of the tables."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from assay.batch.plan import write_plan
from assay.batch.results import write_result
from assay.batch.stage_results import SilverBuild
from assay.contracts.load import load_contract, read_contract
from assay.errors import ContractError
from assay.maintenance.tables import Request, plan_upkeep, read_request, retained, write_request
from assay.settings import load_settings
from builders.batches import make_plan
from builders.ledger_rows import release, start_batch

SILVER = load_contract("silver", "trades")
NOW = datetime.now(UTC)


def released(connection: psycopg.Connection[Any], batch_id: str, versions: dict[str, int]) -> None:
    start_batch(connection, batch_id, "PUBLISHED")
    release(connection, batch_id, versions)


def test_releases_of_the_last_days_and_the_one_before_them_are_retained() -> None:
    history = [
        (NOW - timedelta(days=days), version) for version, days in enumerate([90, 70, 50, 0])
    ]
    assert retained(history, replace(SILVER, retention_days=60)) == {1, 2, 3}
    assert retained(history, replace(SILVER, retention_days=1)) == {2, 3}


def test_upkeep_names_every_table_its_writers_and_what_is_in_use(
    loader: psycopg.Connection[Any], tmp_path: Path
) -> None:
    settings = load_settings({"ASSAY_HOME": str(tmp_path)})
    released(
        loader, "b1", {"silver.trades": 3, "gold.customer_exposure": 2, "quarantine.trades": 1}
    )
    released(loader, "b2", {"silver.trades": 5, "gold.of_no_contract": 4})
    start_batch(loader, "failed", "FAILED")
    plan = make_plan(tmp_path, "failed", [])
    write_plan(plan)
    built = SilverBuild(
        change_set="", base_version=4, base_is_empty=False, classes={}, sums={}, digest=""
    )
    write_result(plan.folder, "build_silver", 7, {"datasets": {"trades": asdict(built)}})
    found = {each.table: each for each in plan_upkeep(settings, loader)}
    assert {name: each.versions for name, each in found.items()} == {
        "bronze.trades": (),
        "silver.trades": (3, 4, 5),
        "gold.customer_exposure": (2,),
        "quarantine.trades": (1,),
    }
    assert found["bronze.trades"].pipelines == ("trades",)
    assert found["silver.trades"].path == f"{tmp_path}{os.sep}lake/silver/trades"
    request = Request(tuple(found.values()), str(settings.locks), dry_run=True)
    write_request(request, tmp_path / "request.json")
    again = read_request(tmp_path / "request.json")
    assert [(each.table, tuple(each.versions)) for each in again.tables] == [
        (each.table, each.versions) for each in request.tables
    ]


def test_days_that_are_no_number_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trades" / "dataset.yaml"
    path.parent.mkdir()
    path.write_text(f"{SILVER.path.read_text()}retention_days: 0\n")
    with pytest.raises(ContractError, match="retention_days"):
        read_contract("silver", path)

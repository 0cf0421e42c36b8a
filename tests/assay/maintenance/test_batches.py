"""What ended batches may lose, and what none may lose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from assay import ledger
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.ledger import Delivery
from assay.ledger.refusals import record_refusals
from assay.maintenance import batches
from assay.maintenance.batches import purge_work, trim_archive, trim_history
from assay.settings import Settings, load_settings
from builders.ledger_rows import start_batch

BATCHES = {"old": "PUBLISHED", "newest": "PUBLISHED", "failed": "FAILED", "dry": "DRY_RUN"}


@pytest.fixture
def settings(tmp_path: Path, loader: psycopg.Connection[Any]) -> Settings:
    """Batches that all ended 30 days ago, with everything that they leave behind."""
    settings = load_settings({"ASSAY_HOME": str(tmp_path)})
    for batch_id, state in BATCHES.items():
        states = ("COMMITTED", state) if state == "PUBLISHED" else (state,)
        start_batch(loader, batch_id, *states)
        for name in ("silver/1/trades", "gold/1/x", "results"):
            (settings.batches / batch_id / name).mkdir(parents=True)
            (settings.batches / batch_id / name / "part").write_text("rows")
        (settings.batches / batch_id / "plan.json").write_text("{}")
        (settings.data_docs / batch_id).mkdir(parents=True)
        archived = settings.archive / "2026-01-01-00" / batch_id / "a.csv"
        archived.parent.mkdir(parents=True)
        archived.write_text("a")
        if state == "DRY_RUN":
            continue  # it claims no slice, so the books have none of it
        delivery = Delivery("trades", "a.csv", batch_id * 8, "accepted", location=str(archived))
        ledger.record_deliveries(loader, batch_id, [delivery])
    loader.execute(
        "UPDATE ops.batch SET finished_at = finished_at - interval '30 days',"
        " committed_at = committed_at - interval '30 days'"
    )
    loader.execute("UPDATE ops.batch_slice SET seen_at = seen_at - interval '30 days'")
    return settings


def work(settings: Settings) -> dict[str, bool]:
    return {name: (settings.batches / name / "silver").exists() for name in BATCHES}


def test_work_of_ended_batches_goes_but_what_a_person_may_still_need_stays(
    settings: Settings, loader: psycopg.Connection[Any]
) -> None:
    assert "4 folders to remove" in purge_work(settings, loader, 7, dry_run=True)
    assert all(work(settings).values())
    assert "0 folders" in purge_work(settings, loader, 31, dry_run=False)
    assert "4 folders removed" in purge_work(settings, loader, 7, dry_run=False)
    assert work(settings) == {"old": False, "newest": True, "failed": True, "dry": False}
    for name in BATCHES:
        assert (settings.batches / name / "plan.json").is_file()
        assert (settings.batches / name / "results" / "part").is_file()


def test_archive_and_history_are_kept_for_ever_unless_the_contract_says_otherwise(
    settings: Settings, loader: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def trim() -> str:
        archive = trim_archive(settings, loader, dry_run=False)
        return f"{archive}; {trim_history(settings, loader, dry_run=False)}"

    assert trim() == "archive: 0 files removed; history: 0 folders removed, 0.0 MB"

    def short(layer: Any, name: str) -> Contract:
        return replace(load_contract(layer, name), archive_days=10, history_days=10)

    monkeypatch.setattr(batches, "load_contract", short)
    assert trim() == "archive: 1 file removed; history: 4 folders removed, 0.0 MB"
    gone = "SELECT batch_id FROM ops.batch_slice WHERE removed_at IS NOT NULL"
    assert loader.execute(gone).fetchall() == [("old",)]
    left = {path.parent.name for path in settings.archive.glob("*/*/a.csv")}
    assert left == {"newest", "failed", "dry"}
    assert not (settings.batches / "dry").exists()
    assert (settings.batches / "old" / "plan.json").is_file()
    assert trim() == "archive: 0 files removed; history: 0 folders removed, 0.0 MB"


def test_duplicates_that_streams_have_put_away_go_as_those_of_batches(
    tmp_path: Path,
    loader: psycopg.Connection[Any],
    database: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No batch has ever seen a file of the dataset."""
    settings = load_settings({"ASSAY_HOME": str(tmp_path)})
    refused = []
    for name, verdict in (("old", "duplicate"), ("new", "duplicate"), ("bad", "rejected")):
        root = settings.archive / "duplicates" if verdict == "duplicate" else settings.rejected
        place = Path(root / "trades" / "trades.files" / "1-000000001" / f"{name}.csv")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
        told = {"verdict": verdict, "reason": "x", "location": str(place)}
        refused.append(Delivery("trades", place.name, name * 8, **told))
    with database.connect("assay_streamer", autocommit=True) as connection:
        record_refusals(connection, "trades.files", 1, refused)
        record_refusals(connection, "trades.files", 1, refused)  # the COMMIT was not heard of
    with database.connect("assay_owner", autocommit=True) as connection:
        connection.execute(
            "UPDATE ops.stream_refusal SET seen_at = seen_at - interval '30 days'"
            " WHERE source_file <> 'new.csv'"
        )
    short = replace(load_contract("bronze", "trades"), archive_days=10)
    monkeypatch.setattr(batches, "load_contract", lambda *_: short)
    assert trim_archive(settings, loader, dry_run=True) == "archive: 1 file to remove"
    assert trim_archive(settings, loader, dry_run=False) == "archive: 1 file removed"
    assert trim_archive(settings, loader, dry_run=False) == "archive: 0 files removed"
    left = {path.name for path in tmp_path.rglob("*.csv")}
    assert left == {"new.csv", "bad.csv"}
    gone = "SELECT source_file FROM ops.stream_refusal WHERE removed_at IS NOT NULL"
    assert loader.execute(gone).fetchall() == [("old.csv",)]

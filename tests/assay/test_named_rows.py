"""O4, O7: what a replay or a waiver is narrowed by, and which quarantine has never had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from assay.batch.plan import Plan
from assay.errors import BatchError
from assay.intake.accept import accept_files, batch_id_of
from assay.ledger import Delivery, batch_state, fail_batch, record_deliveries
from assay.settings import load_settings
from builders.accepting import run_of
from builders.ledger_rows import start_batch

Connection = psycopg.Connection[Any]


@pytest.fixture
def stored(loader: Connection) -> Connection:
    """One row of stocks with two reasons, which was waived; one of funds, which is open."""
    start_batch(loader, "b1", "PUBLISHED", pipeline="finance")
    start_batch(loader, "b2", "PUBLISHED", pipeline="finance")
    for batch_id, dataset, slice_id, reasons in (
        ("b1", "stocks", "f1", ["price.missing", "volume.unparseable"]),
        ("b2", "mutual_funds", "f2", ["holdings.missing"]),
    ):
        delivery = Delivery(dataset, "x", slice_id, "accepted", records=1, size_bytes=1)
        record_deliveries(loader, batch_id, [delivery])
        loader.execute(
            "INSERT INTO ops.quarantine_row (row_id, dataset, batch_id, generation, slice_id,"
            " source_file, record_number, reasons, raw)"
            " VALUES (%s, %s, %s, 1, %s, 'x', 1, %s, '{}')",
            [f"{slice_id}:1", dataset, batch_id, slice_id, reasons],
        )
    loader.execute(
        "INSERT INTO ops.quarantine_movement (dataset, row_id, how, who, why, from_batch)"
        " VALUES ('stocks', 'f1:1', 'waived', 'ann', 'agreed', 'b1')"
    )
    return loader


def run(database: Any, tmp_path: Path, name: str = "one", **params: Any) -> Plan:
    asked = {"source": "waive", "movement_reason": "the desk agrees", **params}
    of_finance = run_of(name, "stocks", "mutual_funds", pipeline="finance", **asked)
    settings = load_settings({"ASSAY_HOME": str(tmp_path)})
    return accept_files(settings, database.connect, of_finance)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"quarantine_dataset": "stock"}, "Did you mean 'stocks'? There is: stocks, mutual_funds"),
        ({"quarantine_batch": "trades_2026"}, "quarantine_batch='trades_2026' names nothing in"),
        ({"quarantine_batch": "b3"}, "There is: b1, b2"),
        ({"quarantine_reason": "price.mising"}, "Did you mean 'price.missing'?"),
        (
            {"quarantine_dataset": "mutual_funds", "quarantine_reason": "price.missing"},
            "There is: holdings.missing",
        ),
        (
            {"quarantine_batch": "b2", "quarantine_reason": "price.missing"},
            "There is: holdings.missing",
        ),
    ],
)
def test_a_name_of_nothing_fails_the_run_and_says_what_there_is(
    stored: Connection, database: Any, tmp_path: Path, params: dict[str, str], told: str
) -> None:
    with pytest.raises(BatchError) as error:
        run(database, tmp_path, **params)
    assert told in str(error.value)
    batch_id = batch_id_of("finance", "one", "2026-01-01")
    fail_batch(stored, batch_id, f"accept_files: {error.value}", epoch=1)
    assert batch_state(stored, batch_id) == "EMPTY"


def test_a_quarantine_that_never_had_a_row_says_so(
    loader: Connection, database: Any, tmp_path: Path
) -> None:
    with pytest.raises(BatchError, match="'b1' names nothing: no such row was ever in quarantine"):
        run(database, tmp_path, quarantine_batch="b1")


def test_rows_that_have_all_left_are_no_mistake(
    stored: Connection, database: Any, tmp_path: Path
) -> None:
    assert run(database, tmp_path, quarantine_reason="price.missing").active == []
    assert run(database, tmp_path, "two", quarantine_batch="b2").active == ["mutual_funds"]
    assert run(database, tmp_path, "three").active == ["mutual_funds"]

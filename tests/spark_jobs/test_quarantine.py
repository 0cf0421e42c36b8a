"""The ways out of quarantine, through real batches: replay, patch, waiver; and a rebuild after."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay import contract
from assay.errors import BatchError
from assay.plan import Plan
from assay.publish import waive_rows
from assay.quarantine.selection import require_open
from assay.settings import CONTRACTS, load_settings
from builders.attempts import Attempts
from builders.content import SILVER, hash_delta, hash_postgres
from builders.trades import PLAIN
from spark_jobs.validate_silver import silver_gate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database

HEADERS = {c.name: c.header for c in contract.load_contract("bronze", "trades").columns}
Balance = tuple[int, int, int, int, int]


@pytest.fixture
def pipeline(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Attempts:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    return Attempts(load_settings(), database.uri(), spark)


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Change a text of the silver contract of trades, in a copy of all contracts."""
    copy = tmp_path / "contracts"
    shutil.copytree(CONTRACTS, copy)
    monkeypatch.setattr(contract, "CONTRACTS", copy)

    def change(old: str, new: str) -> None:
        path = copy / "silver" / "trades.yaml"
        assert path.read_text().count(old) > 0
        path.write_text(path.read_text().replace(old, new))
        contract.load_contract.cache_clear()

    yield change
    contract.load_contract.cache_clear()


def deliver(pipeline: Attempts, name: str, *records: dict[str, str]) -> None:
    """A file of trades; what a record does not name is plain, `row_id` is a column of patches."""
    path = pipeline.settings.landing / "trades" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    extra = ["row_id"] if any("row_id" in record for record in records) else []
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*extra, *HEADERS.values()])
        for record in records:
            filled = {**PLAIN, "from_cost": "10.00", **record}
            writer.writerow([filled.get(name, "") for name in [*extra, *HEADERS]])


def release(pipeline: Attempts, plan: Plan, *stages: str) -> None:
    pipeline.run(plan, *stages, "build_gold", "commit")
    assert [r["batch_id"] for r in pipeline.publish()] == [plan.batch_id]


def waive(pipeline: Attempts, plan: Plan) -> int:
    return waive_rows(pipeline.connect, pipeline.uri, plan, pipeline.take_epoch())


def query(pipeline: Attempts, text: str, *parameters: str) -> list[Any]:
    with pipeline.connect() as connection:
        return connection.execute(text, parameters).fetchall()  # type: ignore[call-overload, no-any-return]


def balance(pipeline: Attempts, plan: Plan) -> Balance:
    """quarantined, open, replayed, patched, waived."""
    (found,) = query(
        pipeline,
        "SELECT quarantined, open, replayed, patched, waived FROM ops.quarantine_balance"
        " WHERE batch_id = %s",
        plan.batch_id,
    )
    return found  # type: ignore[no-any-return]


def row_ids(pipeline: Attempts) -> dict[str, str]:
    """Trade → row_id of the open rows."""
    rows = query(pipeline, "SELECT raw::json ->> 'trade_id', row_id FROM ops.quarantine_open")
    return dict(rows)


def served(pipeline: Attempts) -> list[str]:
    rows = query(pipeline, "SELECT trade_id FROM serving.trade_event ORDER BY 1")
    return [trade for (trade,) in rows]


def content(pipeline: Attempts) -> tuple[str, str]:
    with pipeline.connect() as connection:
        serving = hash_postgres(connection, SILVER, SILVER.serving)
    return hash_delta(pipeline.settings.lake, SILVER), serving


def test_rows_leave_quarantine_and_a_rebuild_agrees(
    pipeline: Attempts, rules: Callable[[str, str], None]
) -> None:
    rules("JPY, CAD]", "JPY]")
    rules("NZD, ZAR]", "NZD]")
    deliver(
        pipeline,
        "trades.csv",
        {"trade_id": "good"},
        {"trade_id": "canadian", "from_currency": "CAD"},
        {"trade_id": "canadian and negative", "from_currency": "CAD", "from_cost": "-1"},
        {"trade_id": "negative", "from_cost": "-1"},
        {"trade_id": "text", "from_cost": "ten"},
        {"trade_id": "african", "to_currency": "ZAR"},
        {"trade_id": "patched in vain", "to_currency": "ZAR"},
    )
    first = pipeline.accept("first")
    release(pipeline, first, "ingest_bronze", "build_silver")
    assert balance(pipeline, first) == (6, 6, 0, 0, 0)
    rows = row_ids(pipeline)
    assert rows["canadian"] == f"{first.files[0].file_id}:2"

    rules("JPY]", "JPY, CAD]")
    rules("NZD]", "NZD, ZAR]")
    replay = pipeline.accept(
        "replay", source="quarantine", quarantine_reason="from_currency.unknown"
    )
    pipeline.run(replay, "build_silver")
    ((_, frames),) = silver_gate(pipeline.spark, replay)
    assert [tuple(row) for row in frames[2].rows.collect()] == [("trades", 1, 1, 1)]
    release(pipeline, replay)
    assert balance(pipeline, first) == (6, 5, 1, 0, 0)
    assert served(pipeline) == ["canadian", "good"]

    deliver(
        pipeline,
        "patch-1.csv",
        {"trade_id": "negative", "row_id": rows["negative"]},
        {"trade_id": "text", "row_id": rows["text"], "from_cost": "eleven"},
        {"trade_id": "replayed before", "row_id": rows["canadian"]},
        {"trade_id": "unknown", "row_id": "nowhere:1"},
        {"trade_id": "patched", "row_id": rows["patched in vain"]},
    )
    assert pipeline.accept("ordinary").files == []
    patch = pipeline.accept("patch", source="patch", movement_reason="the desk corrected it")
    release(pipeline, patch, "ingest_bronze", "build_silver")
    assert served(pipeline) == ["canadian", "good", "negative", "patched"]
    assert balance(pipeline, first) == (6, 3, 1, 2, 0)
    assert balance(pipeline, patch) == (3, 3, 0, 0, 0)
    reasons = query(
        pipeline,
        "SELECT raw::json ->> 'trade_id', reasons FROM ops.quarantine_row"
        " WHERE batch_id = %s ORDER BY record_number",
        patch.batch_id,
    )
    assert reasons == [
        ("text", ["from_cost.unparseable"]),
        ("replayed before", ["record.patch_unknown"]),
        ("unknown", ["record.patch_unknown"]),
    ]

    late = pipeline.accept("late", source="quarantine")
    assert pipeline.run(late, "build_silver")["summary"].endswith("1 leave quarantine, 2 stay")
    waiver = pipeline.accept(
        "waiver",
        source="waive",
        movement_reason="the desk gave up",
        quarantine_reason="to_currency.unknown",
        quarantine_batch=first.batch_id,
    )
    assert waive(pipeline, waiver) == 1
    assert waive(pipeline, waiver) == 0
    assert balance(pipeline, first) == (6, 2, 1, 2, 1)
    with pipeline.connect() as connection, pytest.raises(BatchError, match="was waived"):
        require_open(connection, late)
    assert query(pipeline, "SELECT DISTINCT who, why FROM ops.quarantine_movement ORDER BY 2") == [
        ("ann", "judged anew"),
        ("ann", "the desk corrected it"),
        ("ann", "the desk gave up"),
    ]

    before = content(pipeline)
    rebuild = pipeline.accept("rebuild", full_rebuild=True)
    release(pipeline, rebuild, "build_silver")
    assert content(pipeline) == before
    # Today's rules would take the rows that were patched in vain and waived; they stay out.
    assert balance(pipeline, rebuild) == (8, 5, 0, 2, 1)
    held = query(
        pipeline,
        "SELECT raw::json ->> 'trade_id', reasons FROM ops.quarantine_row"
        " WHERE reasons && '{record.patched,record.waived}' ORDER BY 1",
    )
    assert held == [
        ("african", ["record.waived"]),
        ("negative", ["record.patched", "from_cost.out_of_range"]),
        ("patched in vain", ["record.patched"]),
    ]

"""The ways out of quarantine, through real batches: replay, patch, waiver; and a rebuild after.

Of funds, for they have no gold of their own, which keeps five batches short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay.batch.plan import Plan
from assay.contracts.load import load_contract
from assay.errors import BatchError, FencedError, ReconciliationError
from assay.ledger import take_epoch
from assay.maintenance.adoption import adopt_lake
from assay.publish import waive_rows
from assay.quarantine.selection import require_open
from assay.settings import load_settings
from builders.attempts import Attempts
from builders.content import hash_delta, hash_postgres
from builders.funds import FUNDS, changing_rules, deliver
from spark_jobs.chain import STAGES
from spark_jobs.gates.validate_bronze import bronze_gate
from spark_jobs.gates.validate_silver import silver_gate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database

Balance = tuple[int, int, int, int, int]


@pytest.fixture
def pipeline(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Attempts:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    return Attempts(load_settings(), database.uri(), spark, pipeline=FUNDS)


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    with changing_rules(tmp_path, monkeypatch) as change:
        yield change


def release(pipeline: Attempts, plan: Plan, *stages: str) -> None:
    pipeline.run(plan, *stages, "build_gold", "commit")
    assert [r.batch_id for r in pipeline.publish()] == [plan.batch_id]


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
    """Fund → row_id of the open rows."""
    rows = query(pipeline, "SELECT raw::json ->> 'fund_id', row_id FROM ops.quarantine_open")
    return dict(rows)


def served(pipeline: Attempts) -> list[int]:
    rows = query(pipeline, "SELECT fund_id FROM serving.mutual_funds ORDER BY 1")
    return [fund for (fund,) in rows]


def reasons_like(pipeline: Attempts, condition: str) -> list[Any]:
    return query(
        pipeline,
        "SELECT raw::json ->> 'fund_id', reasons FROM ops.quarantine_row"  # noqa: S608
        f" WHERE {condition} ORDER BY 1",
    )


def content(pipeline: Attempts) -> tuple[str, str]:
    silver = load_contract("silver", FUNDS)
    with pipeline.connect() as connection:
        serving = hash_postgres(connection, silver, silver.serving)
    return hash_delta(pipeline.settings.lake, silver), serving


@pytest.mark.long
def test_rows_leave_quarantine_and_a_rebuild_agrees(
    pipeline: Attempts, rules: Callable[[str, str], None]
) -> None:
    # While the strict rules stand, funds 2 and 3 have too large a holding, 5 to 7 none or no time.
    rules('maximum: "9000000000"', 'maximum: "50"')
    rules(
        "{name: name, required: true",
        "{name: name, allowed: [a fund], required: true",
    )
    deliver(
        pipeline,
        "funds.jsonl",
        {"fund_id": "1"},
        {"fund_id": "2", "holdings": "60"},
        {"fund_id": "3", "holdings": "60", "timestamp": "soon"},
        {"fund_id": "4", "holdings": "-1"},
        {"fund_id": "5", "holdings": "ten"},
        {"fund_id": "6", "name": "another fund"},
        {"fund_id": "7", "name": "another fund"},
    )
    first = pipeline.accept("first")
    release(pipeline, first, "ingest_bronze", "build_silver")
    assert balance(pipeline, first) == (6, 6, 0, 0, 0)
    rows = row_ids(pipeline)
    assert rows["2"] == f"{first.slices[0].slice_id}:2"

    useless = pipeline.accept("useless", source="quarantine", quarantine_reason="name.unknown")
    assert pipeline.run(useless, "build_silver")["summary"].endswith("0 leave quarantine, 2 stay")
    ((_, frames),) = silver_gate(pipeline.spark, useless)
    assert [(*row.values(),) for row in frames[2].rows.to_pylist()] == [(FUNDS, 0, 0, 0)]

    rules('maximum: "50"', 'maximum: "9000000000"')
    rules("allowed: [a fund], ", "")
    replay = pipeline.accept(
        "replay", source="quarantine", quarantine_reason="holdings.out_of_range"
    )
    assert pipeline.run(replay, "build_silver")["summary"].endswith("1 leave quarantine, 2 stay")
    ((_, frames),) = silver_gate(pipeline.spark, replay)
    assert [(*row.values(),) for row in frames[2].rows.to_pylist()] == [(FUNDS, 1, 1, 1)]
    release(pipeline, replay)
    assert balance(pipeline, first) == (6, 5, 1, 0, 0)
    assert served(pipeline) == [1, 2]

    deliver(
        pipeline,
        "patch-1.jsonl",
        {"fund_id": "4", "row_id": rows["4"]},
        {"fund_id": "5", "row_id": rows["5"], "holdings": "eleven"},
        {"fund_id": "102", "row_id": rows["2"]},
        {"fund_id": "103", "row_id": "nowhere:1"},
        {"fund_id": "106", "row_id": rows["6"]},
    )
    assert pipeline.accept("ordinary").slices == []
    patch = pipeline.accept("patch", source="patch", movement_reason="the desk corrected it")
    pipeline.run(patch, "ingest_bronze")
    ((_, frames),) = bronze_gate(pipeline.spark, patch)
    assert [row["unknown_columns"] for row in frames[1].rows.to_pylist()] == [0]
    release(pipeline, patch, "build_silver")
    assert served(pipeline) == [1, 2, 4, 106]
    assert balance(pipeline, first) == (6, 3, 1, 2, 0)
    assert balance(pipeline, patch) == (3, 3, 0, 0, 0)
    assert reasons_like(pipeline, "source_file LIKE 'patch-%%'") == [
        ("102", ["record.patch_unknown"]),
        ("103", ["record.patch_unknown"]),
        ("5", ["holdings.unparseable"]),
    ]

    late = pipeline.accept("late", source="quarantine")
    pipeline.run(late, "build_silver")
    waiver = pipeline.accept(
        "waiver",
        source="waive",
        movement_reason="the desk gave up",
        quarantine_reason="name.unknown",
        quarantine_batch=first.batch_id,
    )
    assert (waive(pipeline, waiver), waive(pipeline, waiver)) == (1, 0)
    assert balance(pipeline, first) == (6, 2, 1, 2, 1)
    with pipeline.connect() as connection, pytest.raises(BatchError, match="was waived"):
        require_open(connection, late)

    assert pipeline.violations() == []
    before = content(pipeline)
    rebuild = pipeline.accept("rebuild", full_rebuild=True)
    release(pipeline, rebuild, "build_silver")
    assert content(pipeline) == before
    assert pipeline.violations() == []
    assert balance(pipeline, rebuild) == (8, 5, 0, 2, 1)
    # Today's rules would take funds 6 and 7, which were patched and waived; they stay out.
    assert reasons_like(pipeline, "reasons && '{record.patched,record.waived}'") == [
        ("4", ["record.patched", "holdings.out_of_range"]),
        ("6", ["record.patched"]),
        ("7", ["record.waived"]),
    ]
    # By the strict rule again, fund 2, which was replayed, is bad and open once more.
    rules('maximum: "9000000000"', 'maximum: "50"')
    release(pipeline, pipeline.accept("strict", full_rebuild=True), "build_silver")
    assert served(pipeline) == [1, 4, 106]
    assert "2" in row_ids(pipeline)
    assert pipeline.violations() == []
    with pipeline.connect() as connection:
        connection.execute("UPDATE ops.batch SET state = 'RUNNING' WHERE state = 'PUBLISHED'")
    with pytest.raises(ReconciliationError, match="1 row to be waived, but only 0"):
        waive(pipeline, waiver)


@pytest.mark.long
def test_the_same_bytes_in_two_datasets_are_two_rows(pipeline: Attempts) -> None:
    quotes = replace(pipeline, pipeline="stocks")
    quote = {"stock_id": "1", "symbol": "X", "price": "1.5", "volume": "1"}
    records = [{"fund_id": "1", **quote}, {"fund_id": "2", **quote, "company_id": "none"}]
    plans = {}
    for each in (pipeline, quotes):
        deliver(each, "both.jsonl", *records)
        plan = plans[each.pipeline] = each.accept(f"{each.pipeline} first")
        release(each, plan, "ingest_bronze", "build_silver")
    rows = query(pipeline, "SELECT dataset, record_number FROM ops.quarantine_open ORDER BY 1")
    assert rows == [(FUNDS, 2), ("stocks", 2)]
    waiver = quotes.accept("waiver", source="waive", movement_reason="no such company")
    assert waive(quotes, waiver) == 1
    assert balance(quotes, plans["stocks"]) == (1, 0, 0, 0, 1)
    assert balance(pipeline, plans[FUNDS]) == (1, 1, 0, 0, 0), "the fund is open as it was"
    assert pipeline.violations() == []

    # The same files, as a pipeline of another name would commit them.
    renamed = replace(plans[FUNDS], pipeline="moved", batch_id="moved_2026-01-01_00000000")
    told = rf"was written by the pipeline {FUNDS}: .* `assay lake adopt moved`"
    with pytest.raises(FencedError, match=told):
        STAGES["ingest_bronze"](pipeline.spark, renamed, 1)
    with pipeline.connect() as connection:
        adopted = adopt_lake(pipeline.settings, connection, "moved", "ann", datasets=[FUNDS])
        epoch = take_epoch(connection, "moved", "a test")
    assert epoch == adopted.epoch + 1
    STAGES["ingest_bronze"](pipeline.spark, renamed, epoch)

"""What may begin is said by the books and the builds, whatever the tasks look like in Airflow."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from assay import ledger
from assay.batch.inputs import Releases
from assay.batch.plan import GatePolicy, Plan
from assay.bench.gates import pass_gates
from assay.errors import BatchError, FencedError, GateFailedError
from assay.intake.cut_off_commit import settle_commit
from assay.publish.readiness import prepare_stage, require_ready
from assay.settings import load_settings
from builders.attempts import Attempts
from builders.deliveries import age
from builders.ledger_rows import release as record_release
from builders.ledger_rows import start_batch
from spark_jobs.stages import commit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database

FUNDS = "mutual_funds"
FUND = {"name": "a fund", "company_id": "1", "holdings": "10", "timestamp": "2026-01-01T10:00:00"}
QUOTE = {"stock_id": "1", "company_id": "1", "symbol": "A", "price": "1.5", "volume": "10"}
QUOTE |= {"timestamp": "2026-01-01T10:00:00"}
BUILD = ("ingest_bronze", "build_silver", "build_gold")


@pytest.fixture
def pipeline(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Attempts:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    return Attempts(load_settings(), database.uri(), spark, pipeline=FUNDS)


def built(pipeline: Attempts, fund: str) -> Plan:
    return build_from(pipeline, {**FUND, "fund_id": fund}, f"run of {fund}")


def build_from(pipeline: Attempts, record: dict[str, str], run: str) -> Plan:
    path = pipeline.settings.landing / pipeline.pipeline / f"{run.split()[-1]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record) + "\n")
    age(path)
    plan = pipeline.accept(run)
    pipeline.run(plan, *(stage for stage in BUILD if plan.needs(stage)))
    return plan


def ask(pipeline: Attempts, plan: Plan, stage: str) -> None:
    with pipeline.connect() as connection:
        prepare_stage(connection, plan, stage)


def test_commit_asks_for_verdicts_on_exactly_what_it_writes(
    pipeline: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F9: gates marked as success, a build cleared alone, a rule changed since the build."""
    plan = built(pipeline, "1")
    with pytest.raises(GateFailedError, match=r"has no verdict; nothing goes on.*validate_bronze"):
        ask(pipeline, plan, "commit")
    pipeline.stage(plan)
    ask(pipeline, plan, "commit")
    with pipeline.connect() as connection:
        connection.execute("UPDATE ops.validation_result SET success = false WHERE severity='fail'")
    with pytest.raises(GateFailedError, match="was not met"):
        ask(pipeline, plan, "commit")
    pipeline.stage(plan)
    pipeline.run(plan, "build_silver")
    with pytest.raises(GateFailedError, match=r"judged on another build.*clear validate_silver"):
        ask(pipeline, plan, "commit")
    pipeline.stage(plan)
    monkeypatch.setattr(commit, "rules_version", lambda _: "changed since")
    with pytest.raises(BatchError, match=r"have changed since it was built.*clear build_silver"):
        commit.commit_batch(pipeline.spark, plan, pipeline.take_epoch())


def test_gold_of_an_older_build_of_silver_is_not_committed(pipeline: Attempts) -> None:
    quotes = replace(pipeline, pipeline="stocks")
    plan = build_from(quotes, QUOTE, "run of 1")
    quotes.run(plan, "build_silver")
    quotes.stage(plan)
    with pytest.raises(BatchError, match="silver was built again after gold; clear build_gold"):
        commit.commit_batch(quotes.spark, plan, quotes.take_epoch())


def test_nothing_is_committed_on_top_of_what_is_not_released(pipeline: Attempts) -> None:
    first = built(pipeline, "1")
    second = built(pipeline, "2")
    pipeline.run(first, "commit")
    with pytest.raises(BatchError, match=f"{first.batch_id} is committed and not released"):
        ask(pipeline, second, "commit")
    pipeline.publish()
    pipeline.run(second, "build_silver")
    with pipeline.connect() as connection:
        pass_gates(connection, second, pipeline.take_epoch())
    with pytest.raises(BatchError, match="was not staged"):
        ask(pipeline, second, "commit")


def test_rebuild_that_is_resumed_after_newer_batches_is_refused(pipeline: Attempts) -> None:
    """F1: it would have taken the newer batches out of silver, gold and Postgres."""
    pipeline.run(built(pipeline, "1"), "commit")
    pipeline.publish()
    rebuild = pipeline.accept("rebuild", full_rebuild=True)
    pipeline.run(built(pipeline, "2"), "commit")
    pipeline.publish()
    with pytest.raises(BatchError, match=r"it would publish what is past.*full_rebuild"):
        ask(pipeline, rebuild, "build_silver")
    again = pipeline.accept("rebuild again", full_rebuild=True)
    pipeline.run(again, "build_silver", "commit")
    pipeline.publish()
    older = replace(rebuild, input=again.input)
    with pytest.raises(BatchError, match="another rebuild was committed"):
        ask(pipeline, older, "build_gold")


def test_gold_across_datasets_is_not_resumed_on_what_is_past(
    loader: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """F10: resumed, the older batch would have published old gold over newer."""
    start_batch(loader, "e5", "PUBLISHED", pipeline="ecommerce_events")
    start_batch(loader, "e6", "PUBLISHED", pipeline="ecommerce_events")
    record_release(loader, "e5", {"silver.ecommerce_events": 5}, "ecommerce_events")
    start_batch(loader, "c1", pipeline="cross_dataset_gold")
    plan = Plan(
        batch_id="c1",
        pipeline="cross_dataset_gold",
        datasets=["ecommerce_events"],
        run_id="r",
        batch_date="2026-01-01",
        input=Releases({"ecommerce_events": 5}),
        active=[],
        commit=True,
        generation=1,
        gate_policy=GatePolicy(),
        folder=str(tmp_path),
        lake=str(tmp_path),
        bronze_lake=str(tmp_path),
    )
    require_ready(loader, plan, "build_gold")
    record_release(loader, "e6", {"silver.ecommerce_events": 6}, "ecommerce_events")
    require_ready(loader, plan, "build_gold")  # under way, it may end; the next run has the newer
    ledger.set_batch_state(loader, "c1", "FAILED", error="build_gold: x")
    with pytest.raises(BatchError, match=r"it would publish what is past.*trigger cross"):
        require_ready(loader, plan, "build_gold")


def test_what_still_writes_is_kept_out_once_its_commit_is_settled(pipeline: Attempts) -> None:
    """The client of a warm Spark is dead, and its query is not: its batch may be given up."""
    pipeline.run(built(pipeline, "1"), "commit")
    pipeline.publish()
    before = pipeline.everything()
    plan = built(pipeline, "2")
    pipeline.stage(plan)
    with pipeline.connect() as connection:
        ledger.resume_batch(connection, plan.batch_id, "COMMITTING")
        late = pipeline.take_epoch()
        assert settle_commit(connection, plan, late) == "RUNNING"
    with pytest.raises(FencedError):
        commit.commit_batch(pipeline.spark, plan, late)
    assert pipeline.everything() == before
    pipeline.run(plan, "commit")
    pipeline.publish()
    assert pipeline.violations() == []


def test_commit_that_wrote_nothing_leaves_its_batch_free(pipeline: Attempts) -> None:
    """F11: it was locked in COMMITTING, and nothing else of the pipeline could go on."""
    plan = built(pipeline, "1")
    with pipeline.connect() as connection:
        ledger.resume_batch(connection, plan.batch_id, "COMMITTING")
        assert settle_commit(connection, plan, pipeline.take_epoch()) == "RUNNING"
        pipeline.run(plan, "commit")
        ledger.resume_batch(connection, plan.batch_id, "COMMITTING")
        assert settle_commit(connection, plan, pipeline.take_epoch()) == "COMMITTED"
        pipeline.publish()
        ledger.resume_batch(connection, plan.batch_id, "COMMITTING")
        assert settle_commit(connection, plan, pipeline.take_epoch()) == "PUBLISHED"

"""A day without a record: the files say so themselves, and nobody has to come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from assay.batch.plan import Plan
from assay.events.sinks import gathered
from assay.intake.accept import accept_files
from assay.intake.archive import archive_files
from assay.ledger import batch_state, deliveries, fail_batch, resume_batch
from assay.settings import Settings
from assay.verify import audit
from builders.accepting import run_of
from corpus.json_files import JsonCases
from corpus.parquet_files import ParquetCases, as_parquet
from corpus.trades import HEADER, rows, text

Connection = psycopg.Connection[Any]
RETURNS = ParquetCases("product_returns")
QUIET = {
    "trades": {"header.csv": text(HEADER)},
    "product_returns": {
        "none.parquet": as_parquet(RETURNS.table.slice(0, 0)),
        "none.json": b"[]",
        "none.jsonl": b"\n\n",
    },
}


def take(
    settings: Settings, database: Any, name: str, files: dict[str, dict[str, bytes]]
) -> tuple[Plan, list[str]]:
    """One batch of all these datasets."""
    for dataset, contents in files.items():
        for file_name, content in contents.items():
            path = settings.landing / dataset / file_name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    run = run_of(name, *files, pipeline="shop")
    with gathered() as events:
        plan = accept_files(settings, database.connect, run)
    return plan, [str(event) for event in events]


def test_files_without_a_record_end_in_the_archive_with_nothing_to_do(
    settings: Settings, database: Any, loader: Connection
) -> None:
    plan, said = take(settings, database, "quiet", QUIET)
    assert said[-1] == "4 files, 0 records accepted"
    assert batch_state(loader, plan.batch_id) == "EMPTY"
    assert not plan.active
    assert not any(plan.needs(stage) for stage in ("ingest_bronze", "build_silver", "build_gold"))
    assert archive_files(settings, loader, plan) == 4
    seen = deliveries(loader, plan.batch_id)
    assert {d.verdict for d in seen} == {"accepted"}
    assert all(Path(d.location).is_relative_to(settings.archive) for d in seen)
    assert archive_files(settings, loader, plan) == 0
    places = [check for check in audit(settings, database.uri()) if check.invariant == "I10"]
    assert [str(v) for check in places for v in check.violations] == []


def test_the_same_again_is_a_duplicate_and_needs_nobody(
    settings: Settings, database: Any, loader: Connection
) -> None:
    take(settings, database, "quiet", QUIET)
    plan, said = take(settings, database, "quiet again", QUIET)
    assert said[-1] == "0 files, 0 records accepted; 4 duplicates"
    assert batch_state(loader, plan.batch_id) == "EMPTY"


def test_a_dataset_without_a_record_does_not_hold_up_the_other(
    settings: Settings, database: Any, loader: Connection
) -> None:
    files = {**QUIET, "trades": {"full.csv": text(HEADER, *rows())}}
    plan, _ = take(settings, database, "half", files)
    assert plan.active == ["trades"]
    assert len(plan.slices) == 4
    assert batch_state(loader, plan.batch_id) == "RUNNING"


def test_quiet_batch_whose_task_failed_once_is_empty_in_the_end(
    settings: Settings, database: Any, loader: Connection
) -> None:
    plan, _ = take(settings, database, "quiet", QUIET)
    fail_batch(loader, plan.batch_id, "no space left on device", epoch=1)
    resume_batch(loader, plan.batch_id, "RUNNING")
    assert archive_files(settings, loader, plan) == 4
    assert batch_state(loader, plan.batch_id) == "EMPTY"


def test_one_record_in_json_beside_blank_lines_is_work(settings: Settings, database: Any) -> None:
    line = JsonCases("product_returns").lines[0].encode()
    plan, _ = take(settings, database, "one", {"product_returns": {"a.jsonl": b"\n" + line}})
    assert plan.needs("ingest_bronze")


def test_log_says_which_day_an_unclear_name_was_given(
    settings: Settings, database: Any, said: list[str]
) -> None:
    names = ["t_2026-01-05.csv", "t_20260105.csv", "t_05-01-2026.csv"]
    names.append("t_2026-01-01_to_2026-01-31.csv")
    for number, name in enumerate(names):
        path = settings.landing / "trades" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text(HEADER, *rows(number + 1)))
    run = run_of("day", day="2026-01-05", batch_date="2026-01-05")
    plan = accept_files(settings, database.connect, run)
    assert {file.source_file for file in plan.slices} == {*names[:2]}
    assert said[:-1] == [
        "'t_05-01-2026.csv': left, as it is not of 2026-01-05; its day is the day that it landed:"
        " no date in its name, such as 2026-01-31 or 20260131",
        "'t_2026-01-01_to_2026-01-31.csv': left, as it is not of 2026-01-05; its day is the first"
        " of the dates in its name, 2026-01-01",
    ]

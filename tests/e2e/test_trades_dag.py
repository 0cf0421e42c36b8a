"""Trades from landing files to Postgres by the real DAG, compared with the truth of the files."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from assay.contracts.load import load_contract
from assay.generate.truth import Truth
from builders.content import (
    GOLD,
    SILVER,
    delta_version,
    hash_delta,
    hash_postgres,
    read_delta,
)
from builders.gold_oracle import require_gold_of_silver
from builders.running_stack import SERVER, STAGES, Batch, RunningStack

pytestmark = pytest.mark.e2e


def test_every_task_of_the_first_run_succeeds_in_one_try(first_batch: Batch) -> None:
    assert [(t.task_id, t.state, t.try_number) for t in first_batch.run.tasks] == [
        (stage, "success", 1) for stage in STAGES
    ]


def test_every_spark_stage_is_a_client_under_the_epoch_of_its_task(
    stack: RunningStack, first_batch: Batch
) -> None:
    stages = STAGES[1 : STAGES.index("commit") + 1]
    attempts = stack.query(
        "SELECT task_id, epoch FROM ops.batch_task WHERE batch_id = %s", [first_batch.batch_id]
    )
    results = (stack.settings.batches / first_batch.batch_id / "results").iterdir()
    assert {path.stem for path in results} == {f"{t}.{e}" for t, e in attempts if t in stages}
    assert len(stack.jobs(*SERVER)) == 1
    assert list(stack.settings.locks.glob("*.sessions")) == []


def test_one_batch_is_followed_through_the_logs_of_all_its_processes(
    stack: RunningStack, first_batch: Batch
) -> None:
    """By the command of the runbook; the lines of a Spark stage come from a process of its own."""
    batch, run = first_batch.batch_id, first_batch.run.run_id
    found = subprocess.run(
        ["grep", "-rhF", f'"batch":"{batch}"', stack.settings.logs],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in sorted(found.stdout.splitlines()) if line[0] == "{"]
    ours = [line for line in lines if "kind" in line and line["run"] == run]
    epochs = dict[str, set[int]]()
    for line in ours:
        assert line.keys() >= {"batch", "run", "task", "epoch", "dataset", "timestamp", "event"}
        assert line["dataset"] == "trades"
        assert not line["event"].startswith("{"), "an object inside of a string"
        if line["epoch"] is not None:  # as before the first attempt has taken one
            epochs.setdefault(line["task"], set()).add(line["epoch"])
    attempts = stack.query("SELECT task_id, epoch FROM ops.batch_task WHERE batch_id = %s", [batch])
    assert epochs == {task: {epoch} for task, epoch in attempts}

    told = {(line["task"], line["kind"]) for line in ours}
    spark = {stage for stage in STAGES[1:8] if stage != "stage"}
    assert told >= {(stage, "StageFinished") for stage in spark}
    assert told >= {(f"validate_{layer}", "GateJudged") for layer in ("bronze", "silver", "gold")}
    assert told >= {
        ("accept_files", "FileRefused"),
        ("accept_files", "PlanFrozen"),
        ("stage", "TableStaged"),
        ("commit", "Committed"),
        ("publish", "Released"),
        ("archive_files", "FilesArchived"),
    }
    assert told >= {(stage, "TaskFinished") for stage in STAGES[1:]}
    (committed,) = [line for line in ours if line["kind"] == "Committed"]
    (released,) = [line for line in ours if line["kind"] == "Released"]
    assert committed["versions"] == released["versions"]


def test_every_version_of_a_table_is_counted_by_the_stage_that_made_it(
    stack: RunningStack, first_batch: Batch
) -> None:
    ((counted, queries),) = stack.query(
        "SELECT sum((metrics ->> 'commits')::int)::int, min((metrics ->> 'queries')::int)"
        " FROM ops.batch_task WHERE batch_id = %s AND metrics ? 'commits'",
        [first_batch.batch_id],
    )
    tables = [f"{layer}.trades" for layer in ("bronze", "quarantine", "silver")]
    made = [delta_version(stack.settings.lake, t) + 1 for t in (*tables, *(g.table for g in GOLD))]
    assert counted == sum(made)
    assert queries > 0


def test_files_are_accepted_or_rejected_with_their_reason(
    stack: RunningStack, generated: Truth, first_batch: Batch
) -> None:
    rows = stack.query(
        "SELECT source_file, verdict, records, reason FROM ops.batch_slice WHERE batch_id = %s",
        [first_batch.batch_id],
    )
    accepted = {name: records for name, verdict, records, _ in rows if verdict == "accepted"}
    rejected = {name: reason for name, verdict, _, reason in rows if verdict == "rejected"}
    assert accepted == {file.name: file.records for file in first_batch.truth.files}
    assert set(rejected) == {file.name for file in generated.rejected}
    assert all(rejected.values())
    for name, reason in rejected.items():
        (kept,) = stack.settings.rejected.rglob(name)
        assert kept.read_bytes() == (generated.options.out / name).read_bytes()
        assert kept.with_name(f"{name}.reason.txt").read_text().strip() == reason


def test_released_files_are_in_the_archive_and_landing_is_empty(
    stack: RunningStack, generated: Truth, first_batch: Batch
) -> None:
    assert stack.pending() == []
    for file in first_batch.truth.files:
        (archived,) = stack.settings.archive.rglob(file.name)
        assert archived.read_bytes() == (generated.options.out / file.name).read_bytes()
        assert archived.parent.name == first_batch.batch_id


def test_the_row_ledger_says_of_every_file_what_the_truth_says(
    stack: RunningStack, first_batch: Batch
) -> None:
    rows = stack.query(
        "SELECT f.source_file, l.records, l.new + l.updated + l.duplicate + l.superseded,"
        " l.quarantined FROM ops.row_ledger l JOIN ops.batch_slice f USING (batch_id, slice_id)"
        " WHERE l.batch_id = %s",
        [first_batch.batch_id],
    )
    assert {row[0]: row[1:] for row in rows} == {
        file.name: (file.records, file.good, file.quarantined) for file in first_batch.truth.files
    }


def test_the_classes_of_the_batch_are_those_of_the_truth(
    stack: RunningStack, first_batch: Batch
) -> None:
    classes = list(first_batch.truth.classes)
    sums = ", ".join(f"sum({name})::int" for name in classes)
    ((*counts,),) = stack.query(
        f"SELECT {sums} FROM ops.row_ledger WHERE batch_id = %s",  # noqa: S608  # class names
        [first_batch.batch_id],
    )
    assert dict(zip(classes, counts, strict=True)) == first_batch.truth.classes
    assert min(first_batch.truth.classes[name] for name in ("duplicate", "superseded")) > 0


def test_quarantine_keeps_every_bad_record_with_reasons_text_file_and_number(
    stack: RunningStack, generated: Truth, first_batch: Batch
) -> None:
    rows = read_delta(stack.settings.lake, "quarantine.trades").to_pylist()
    reasons = Counter(reason for row in rows for reason in row["reasons"])
    assert dict(reasons) == first_batch.truth.reasons
    assert Counter(row["source_file"] for row in rows) == {
        file.name: file.quarantined for file in first_batch.truth.files
    }
    delivered = {f.name: _records(generated.options.out / f.name) for f in first_batch.truth.files}
    for row in rows:
        record = delivered[row["source_file"]][row["record_number"]]
        if row["reasons"] == ["record.malformed"]:
            assert row["raw"] == ",".join(record)
        else:
            assert [*json.loads(row["raw"]).values()] == [value for value in record if value]


def _records(path: Path) -> list[list[str]]:
    """The records of a file as Python reads them; the header is number 0."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def test_silver_and_postgres_hold_the_content_of_the_truth(
    stack: RunningStack, first_batch: Batch
) -> None:
    assert hash_delta(stack.settings.lake, SILVER) == first_batch.truth.content_hash
    with stack.connect() as connection:
        served = hash_postgres(connection, SILVER, SILVER.serving)
    assert served == first_batch.truth.content_hash


def test_gold_is_the_aggregate_of_silver_in_delta_and_in_postgres(
    stack: RunningStack, first_batch: Batch
) -> None:
    with stack.connect() as connection:
        require_gold_of_silver(stack.settings.lake, connection, GOLD)


def test_the_release_names_the_versions_it_was_made_from(
    stack: RunningStack, first_batch: Batch
) -> None:
    ((versions, counts),) = stack.query(
        "SELECT versions, counts FROM ops.release WHERE batch_id = %s", [first_batch.batch_id]
    )
    tables = ["quarantine.trades", "silver.trades", *(gold.table for gold in GOLD)]
    assert versions == {table: delta_version(stack.settings.lake, table) for table in tables}
    assert counts[SILVER.serving] == first_batch.truth.silver_rows


def test_every_expectation_of_every_contract_has_a_verdict(
    stack: RunningStack, first_batch: Batch
) -> None:
    verdicts = stack.query(
        "SELECT table_name, expectation, success FROM ops.validation_result WHERE batch_id = %s",
        [first_batch.batch_id],
    )
    contracts = [load_contract("bronze", "trades"), SILVER, *GOLD]
    asked = {(c.table, e.name, True) for c in contracts for e in c.expectations}
    assert sorted(verdicts) == sorted(asked)
    assert len(asked) >= 14


def test_the_prior_systems_view_is_true(stack: RunningStack, first_batch: Batch) -> None:
    rows = stack.query(
        "SELECT file_name, row_count, ingest_status, ingest_start_date_time"
        " < ingest_end_date_time FROM serving.trade_event_ingest_batch"
        " WHERE starts_with(id, %s)",
        [first_batch.batch_id],
    )
    assert sorted(rows) == sorted(
        (file.name, file.records, "COMPLETED", True) for file in first_batch.truth.files
    )


def test_the_note_of_the_run_and_the_last_line_of_every_task_sum_it_up(
    stack: RunningStack, first_batch: Batch
) -> None:
    note = stack.note(first_batch.run.run_id)
    assert note.startswith("PUBLISHED as release ")
    assert f"batch {first_batch.batch_id}" in note.splitlines()
    for task in first_batch.run.tasks:
        lines = stack.runs.log_lines(first_batch.run.run_id, task)
        summaries = [line for line in lines if line.startswith(f"{task.task_id}: ")]
        assert len(summaries) == 1 or task.task_id == "accept_files", task.task_id
        assert [line for line in summaries if line not in note] == [], note


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM serving.trade_event",
        "UPDATE gold.customer_exposure SET trades = 0",
        "INSERT INTO ops.pipeline_lease (pipeline, epoch, holder) VALUES ('x', 1, 'x')",
        "TRUNCATE gold.daily_trade_summary",
        "CREATE TABLE staging.mine (a int)",
        "DELETE FROM ops.row_ledger",
    ],
)
def test_the_reader_cannot_write(stack: RunningStack, first_batch: Batch, statement: str) -> None:
    with stack.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)  # type: ignore[call-overload]


def test_no_secret_is_in_logs_rendered_fields_or_spark_jobs(
    stack: RunningStack, first_batch: Batch
) -> None:
    secrets = json.loads((stack.settings.home / "secrets.json").read_text())
    assert len(stack.command_lines) >= 2
    assert stack.environments
    shown = {
        "command lines": "\n".join(stack.command_lines),
        "environment of a job": "\n".join(stack.environments),
        "rendered fields": stack.rendered_fields(first_batch.run.run_id),
        **{str(p): p.read_text(errors="replace") for p in _kept_texts(stack)},
    }
    assert any("task_id=publish" in name for name in shown)
    found = [(where, n) for where, text in shown.items() for n, s in secrets.items() if s in text]
    assert found == [("environment of a job", "spark")]  # the server's own, which it has to know


def _kept_texts(stack: RunningStack) -> list[Path]:
    """Logs, and what the stages leave for each other."""
    folders = (stack.settings.logs, stack.settings.batches, stack.settings.home / "run")
    suffixes = {".log", ".json", ".conf", ".txt", ""}
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in suffixes and path.name != "secrets.json"
    ]

"""Every other dataset by Airflow's own backfill, and the gold that their releases start."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from assay.airflow_client.runs import RunState
from assay.contracts.load import gold_contracts, load_contract
from assay.generate.truth import Truth
from assay.intake.filenames import REASONS_OF_PATCH
from assay.operations.asked_by import ASKED_BY, person_at_terminal, who_asked
from builders.content import hash_delta, hash_postgres, read_delta
from builders.deliveries import deliver, make_set
from builders.gold_oracle import require_gold_of_silver
from builders.running_stack import RunningStack

pytestmark = [pytest.mark.e2e, pytest.mark.long]

EMPTY_DAY, DAY, LATER_DAY = "2026-01-01", "2026-01-02", "2026-01-03"
PIPELINES = {
    "finance": ["stocks", "mutual_funds"],
    "ecommerce_events": ["ecommerce_events"],
    "product_returns": ["product_returns"],
}
DATASETS = [dataset for datasets in PIPELINES.values() for dataset in datasets]
ACROSS = "cross_dataset_gold"


@dataclass(frozen=True)
class Backfilled:
    """Two days of every pipeline, of which the first has no file, and what the files hold."""

    runs: dict[str, list[RunState]]
    truths: dict[str, Truth]
    across: RunState


@pytest.fixture(scope="module")
def backfilled(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Backfilled:
    """All days of all pipelines; the gold across them waits until its last source is to come."""
    folder = tmp_path_factory.mktemp("days")
    truths = {dataset: files_of(folder, dataset) for dataset in DATASETS}
    pipelines = {dag_id: stack.of(dag_id) for dag_id in PIPELINES}
    for each in pipelines.values():
        each.runs.unpause()
    for each in pipelines.values():
        each.let_schedule_begin()
    for dataset, truth in truths.items():
        deliver(stack.settings.landing / dataset, sorted(truth.options.out.iterdir()))
    *others, last = PIPELINES
    begun = {dag_id: pipelines[dag_id].backfill(EMPTY_DAY, DAY) for dag_id in others}
    runs = {dag_id: wait() for dag_id, wait in begun.items()}
    stack.of(ACROSS).runs.unpause()
    runs[last] = pipelines[last].backfill(EMPTY_DAY, DAY)()
    across = stack.of(ACROSS).let_schedule_begin()
    stack.of(ACROSS).pause()  # what later tests release is not its business
    return Backfilled(runs, truths, across)


def files_of(folder: Path, dataset: str) -> Truth:
    """Files of a day with every defect, and beside them one of the day after."""
    shares = {"defects": 0.06, "duplicates": 0.02, "updates": 0.05, "late": 0.05}
    facts = {"files": 6, "rows": 100, "days": 1, "seed": 11, "gzip_every": 3, **shares}
    made = make_set(folder, dataset, start=date.fromisoformat(DAY), damaged=True, **facts)
    later = {"files": 1, "rows": 10, "days": 1, "seed": 12, "start": date.fromisoformat(LATER_DAY)}
    (one,) = make_set(folder / "later", dataset, **later).options.out.iterdir()
    deliver(made.options.out, [one])
    return made


@pytest.mark.parametrize("dag_id", PIPELINES)
def test_a_day_without_files_is_a_success_that_says_so(
    stack: RunningStack, backfilled: Backfilled, dag_id: str
) -> None:
    empty, full = backfilled.runs[dag_id]
    assert (empty.state, full.state) == ("success", "success")
    assert stack.of(dag_id).batch_of(empty.run_id)[1] == "EMPTY"
    assert f"no file of {EMPTY_DAY}" in stack.of(dag_id).note(empty.run_id)
    assert stack.of(dag_id).batch_of(full.run_id)[1] == "PUBLISHED"
    run_types = stack.query(
        "SELECT DISTINCT run_type FROM ops.batch WHERE run_id = ANY(%s)",
        [[empty.run_id, full.run_id]],
    )
    assert run_types == [("backfill",)]


@pytest.mark.parametrize("dag_id", PIPELINES)
def test_days_that_a_backfill_starts_at_once_follow_each_other(
    stack: RunningStack, backfilled: Backfilled, dag_id: str
) -> None:
    batches = [stack.of(dag_id).batch_of(run.run_id)[0] for run in backfilled.runs[dag_id]]
    attempts = stack.query(
        "SELECT batch_id FROM ops.batch_task WHERE batch_id = ANY(%s) ORDER BY epoch", [batches]
    )
    assert len([*groupby(attempts)]) == len(batches)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_backfilled_day_takes_its_own_files(
    stack: RunningStack, backfilled: Backfilled, dataset: str
) -> None:
    truth = backfilled.truths[dataset]
    rows = stack.query(
        "SELECT source_file, verdict, records FROM ops.batch_slice WHERE dataset = %s", [dataset]
    )
    accepted = {name: records for name, verdict, records in rows if verdict == "accepted"}
    assert accepted == {file.name: file.records for file in truth.files}
    rejected = {name for name, verdict, _ in rows if verdict == "rejected"}
    assert rejected == {file.name for file in truth.rejected}
    (waiting,) = (stack.settings.landing / dataset).iterdir()
    assert LATER_DAY in waiting.name


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_record_is_where_the_truth_says(
    stack: RunningStack, backfilled: Backfilled, dataset: str
) -> None:
    truth, silver = backfilled.truths[dataset], load_contract("silver", dataset)
    assert hash_delta(stack.settings.lake, silver) == truth.content_hash
    with stack.connect() as connection:
        assert hash_postgres(connection, silver, silver.serving) == truth.content_hash
    sums = ", ".join(f"sum({name})::int" for name in truth.classes)
    (counts,) = stack.query(
        f"SELECT {sums} FROM ops.row_ledger WHERE dataset = %s",  # noqa: S608  # class names
        [dataset],
    )
    assert dict(zip(truth.classes, counts, strict=True)) == truth.classes
    bad = read_delta(stack.settings.lake, f"quarantine.{dataset}").to_pylist()
    assert Counter(reason for row in bad for reason in row["reasons"]) == truth.reasons
    opened = stack.query(
        "SELECT source_file, record_number FROM ops.quarantine_open WHERE dataset = %s", [dataset]
    )
    assert sorted(opened) == sorted((row["source_file"], row["record_number"]) for row in bad)


@pytest.mark.parametrize("dag_id", [*PIPELINES, ACROSS])
def test_gold_is_the_aggregate_of_silver(
    stack: RunningStack, backfilled: Backfilled, dag_id: str
) -> None:
    gold = (
        [load_contract("gold", "product_performance")]
        if dag_id == ACROSS
        else gold_contracts(PIPELINES[dag_id])
    )
    with stack.connect() as connection:
        require_gold_of_silver(stack.settings.lake, connection, gold)


def test_a_release_of_a_source_starts_the_gold_across(
    stack: RunningStack, backfilled: Backfilled
) -> None:
    assert backfilled.across.run_id.startswith("asset_triggered__")
    events = {event["name"]: event["extra"] for event in stack.asset_events()}
    for dataset in DATASETS:
        extra: dict[str, Any] = events[f"silver.{dataset}"]
        assert extra["new"] == backfilled.truths[dataset].classes["new"], dataset
    across: dict[str, Any] = events["gold.product_performance"]
    assert across["rows"]["gold.product_performance"] > 0
    assert across["version"] > 0


def test_quarantined_rows_leave_by_a_patch_and_by_a_waiver(
    stack: RunningStack, backfilled: Backfilled, tmp_path: Path
) -> None:
    of_returns = ("--dataset", "product_returns", "--reason", "qty.out_of_range")
    silver = read_delta(stack.settings.lake, "silver.product_returns").num_rows
    exported = tmp_path / "open.csv"
    stack.assay("quarantine", "export", *of_returns, "--out", str(exported))
    with exported.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    corrected = next(row for row in rows if row[REASONS_OF_PATCH] == "qty.out_of_range")
    with exported.open("w", newline="") as file:
        writer = csv.DictWriter(file, corrected)
        writer.writeheader()
        writer.writerow({**corrected, "qty": "1"})
    patched = stack.assay("patch", str(exported), *of_returns[:2], "--why", "asked the shop")
    assert patched.returncode == 0, patched.stderr
    assert read_delta(stack.settings.lake, "silver.product_returns").num_rows == silver + 1
    waived = stack.assay("waive", *of_returns, "--why", "the shop has no more to say")
    assert waived.returncode == 0, waived.stderr
    balance = stack.query(
        "SELECT sum(quarantined)::int, sum(open)::int, sum(patched)::int, sum(waived)::int"
        " FROM ops.quarantine_summary WHERE dataset = 'product_returns'"
        " AND reason = 'qty.out_of_range'"
    )
    assert balance == [(len(rows), 0, 1, len(rows) - 1)]
    movers = stack.query(
        "SELECT DISTINCT who FROM ops.quarantine_movement WHERE dataset = 'product_returns'"
    )
    assert movers == [(who_asked("admin", {ASKED_BY: person_at_terminal()}),)]


def test_the_auditor_finds_every_promise_kept(stack: RunningStack, backfilled: Backfilled) -> None:
    audited = stack.assay("verify")
    assert audited.returncode == 0, audited.stdout
    assert all(f"rows of silver.{dataset}" in audited.stdout for dataset in DATASETS)

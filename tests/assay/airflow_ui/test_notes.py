"""What the note of a run says: the first line holds what matters, whatever is cut off."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import psycopg

from assay import ledger
from assay.airflow_ui.notes import LONGEST_NOTE, as_note
from assay.ledger import Delivery
from builders.ledger_rows import bring_to, release, start_batch
from builders.verdicts import NOT_MET, OVERRIDDEN

Connection = psycopg.Connection[Any]
WARNING = replace(NOT_MET, severity="warn")


def deliver(loader: Connection, batch_id: str, *rejected: str) -> None:
    given = [Delivery("trades", "good.csv", "f0", "accepted", "", 10)]
    given += [Delivery("trades", name, f"f{name}", "rejected", "empty file") for name in rejected]
    ledger.record_deliveries(loader, batch_id, given)


def publish(loader: Connection, batch_id: str, **classes: int) -> int:
    start_batch(loader, batch_id)
    blank = dict.fromkeys(("new", "updated", "duplicate", "superseded", "quarantined"), 0)
    counts = {**blank, **classes}
    ledger.record_row_ledger(
        loader,
        batch_id=batch_id,
        dataset="trades",
        generation=1,
        classes={"f0": {**counts, "records": sum(counts.values())}},
    )
    released: int = release(loader, batch_id, {}).release_id
    for state in ("COMMITTED", "PUBLISHED"):
        bring_to(loader, batch_id, state)
    return released


def note_of(loader: Connection, batch_id: str) -> list[str]:
    return ledger.summary_of_run(loader, "trades", f"run of {batch_id}").splitlines()


def test_released_batch_says_what_was_loaded_and_what_was_not(loader: Connection) -> None:
    released = publish(loader, "b1", new=1200, updated=34, quarantined=12)
    deliver(loader, "b1", "a.csv", "b.csv")
    assert note_of(loader, "b1") == [
        f"PUBLISHED as release {released}: 1,234 rows loaded; 12 quarantined;"
        " 2 files rejected ('a.csv', 'b.csv')",
        "batch b1",
        "- waiting for a person: 2 files rejected in the last 30 days",
    ]


def test_many_rejected_files_are_counted_and_some_named(loader: Connection) -> None:
    start_batch(loader, "b1", "EMPTY")
    deliver(loader, "b1", *(f"{n}.csv" for n in range(5)))
    first = note_of(loader, "b1")[0]
    assert first == "EMPTY: nothing new; 5 files rejected ('0.csv', '1.csv', '2.csv', 2 more)"


def test_failed_batch_says_why_and_what_next(loader: Connection) -> None:
    start_batch(loader, "b1")
    ledger.fail_batch(loader, "b1", "validate_silver: 1 expectation not met: known status", epoch=1)
    assert note_of(loader, "b1")[0] == (
        "FAILED: validate_silver: 1 expectation not met: known status."
        " Next: retry, reject-file or abandon, by the DAG batch_actions; batch b1"
    )


def test_batch_that_was_left_in_the_middle_says_what_next(loader: Connection) -> None:
    start_batch(loader, "b1", "COMMITTING")
    first = note_of(loader, "b1")[0]
    assert first.endswith("Next: retry it, or undo it by the DAG release_rollback; batch b1")


def test_override_and_warning_have_words_of_their_own(loader: Connection) -> None:
    publish(loader, "b1", new=1)
    for epoch, verdicts in (
        (1, [replace(WARNING, expectation="of an older attempt")]),
        (
            2,
            [replace(WARNING, expectation="few rows"), OVERRIDDEN],
        ),
    ):
        ledger.record_validation(loader, "b1", epoch, "silver", verdicts)
    note = note_of(loader, "b1")
    assert " under an override: 1 row loaded" in note[0]
    assert note[2].startswith("- overridden by ada at 2")
    assert note[2].endswith(" UTC (late feed): silver.trades: known status")
    assert note[3:] == ["- warning: silver.trades: few rows"]


def test_what_waits_for_a_person_is_told_until_it_is_done(loader: Connection) -> None:
    start_batch(loader, "b1", "EMPTY")
    deliver(loader, "b1", "a.csv", "b.csv")
    loader.execute(
        "INSERT INTO ops.quarantine_row (row_id, dataset, batch_id, generation, slice_id,"
        " source_file, record_number, reasons, raw)"
        " SELECT 'f:' || n, 'trades', 'b1', 1, 'f', 'a.csv', n, '{x}', ''"
        " FROM generate_series(1, 7) AS n"
    )
    start_batch(loader, "b2", "EMPTY")
    waiting = "- waiting for a person: 2 files rejected in the last 30 days ('a.csv', 'b.csv')"
    assert note_of(loader, "b2")[2] == f"{waiting}; 7 records in quarantine"
    corrected = Delivery("trades", "a.csv", "f9", "accepted", "", 10)
    ledger.record_deliveries(loader, "b2", [corrected])
    loader.execute(
        "INSERT INTO ops.quarantine_movement (dataset, row_id, from_batch, how, who, why)"
        " SELECT dataset, row_id, 'b1', 'waived', 'ada', 'x' FROM ops.quarantine_row"
    )
    assert note_of(loader, "b2")[2] == (
        "- waiting for a person: 1 file rejected in the last 30 days ('b.csv')"
    )


def test_run_without_a_batch_has_a_note_of_its_attempts(loader: Connection) -> None:
    digest = hashlib.sha256(b"run 1").hexdigest()[:8]
    for pipeline, error, summary in (
        ("house", None, "purge_work: 2 folders removed"),
        ("trades", "the run is refused: x", ""),
    ):
        facts: dict[str, Any] = {
            "batch_id": f"{pipeline}_2026-01-01_{digest}",
            "task_id": "one",
            "epoch": 0,
        }
        ledger.start_task(loader, **facts, try_number=1)
        ledger.finish_task(loader, **facts, state="FAILED", summary=summary, error=error)
    assert ledger.summary_of_run(loader, "house", "run 1") == "purge_work: 2 folders removed"
    assert ledger.summary_of_run(loader, "trades", "run 1") == "FAILED: the run is refused: x"
    assert ledger.summary_of_run(loader, "trades", "run 2") == ""


def test_first_line_of_a_run_that_keeps_house_says_what_every_task_did(loader: Connection) -> None:
    batch_id = f"house_2026-01-01_{hashlib.sha256(b'run 1').hexdigest()[:8]}"
    told = (
        "work folders: 2 folders removed, 1.0 MB",
        "maintain_tables: 26 tables kept, 4 files removed",
        "archive: 0 files removed; history: 0 folders removed, 0.0 MB",
    )
    for epoch, summary in enumerate(told):
        facts: dict[str, Any] = {"batch_id": batch_id, "task_id": f"t{epoch}", "epoch": epoch}
        ledger.start_task(loader, **facts, try_number=1)
        ledger.finish_task(loader, **facts, state="SUCCESS", summary=summary, error=None)
    assert ledger.summary_of_run(loader, "house", "run 1") == "; ".join(told)
    ledger.start_task(loader, batch_id=batch_id, task_id="t3", epoch=3, try_number=1)
    ledger.finish_task(
        loader, batch_id=batch_id, task_id="t3", epoch=3, state="FAILED", summary="", error="full"
    )
    assert ledger.summary_of_run(loader, "house", "run 1").splitlines() == [
        "FAILED: full",
        "; ".join(told),
    ]


def test_note_is_cut_below_its_first_line_and_shows_names_as_they_are() -> None:
    first = "PUBLISHED: 1 file rejected ('![x](http://evil/p.png) <b>`.csv')"
    note = as_note("\n".join([first, *("- " + "x" * 300 for _ in range(9))]))
    assert len(note) <= LONGEST_NOTE
    shown, *rest = note.splitlines()
    linked = "`('![x](http://evil/p.png)`"  # of code, Airflow's page makes no link
    assert shown == rf"PUBLISHED: 1 file rejected {linked} \<b\>\`.csv')"
    assert all(len(line) == 302 for line in rest)
    assert rest
    assert len(as_note("y" * 5000)) == LONGEST_NOTE

"""`assay quarantine`, and what the ways out refuse before they trigger anything."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from assay.cli import quarantine
from assay.cli.main import app
from assay.contracts.load import load_contract
from assay.errors import BatchError, ExportError, FileRejectedError, SettingsError
from assay.intake.records import inspect_file
from assay.intake.take import pending_files
from assay.ledger.views.quarantine import Filter
from assay.quarantine import patch_form, patches
from assay.quarantine.patch_form import export_rows
from assay.quarantine.patches import deliver_patch
from assay.settings import CONTRACTS, Settings
from builders.feeds import make_feed

if TYPE_CHECKING:
    from conftest import Database

SAMPLES = CONTRACTS / "datasets" / "trades" / "samples"
ROWS = [
    # record, dataset, reasons, raw
    (
        1,
        "trades",
        ["from_cost.missing", "to_cost.missing"],
        '{"trade_id":"a","from_currency":"USD"}',
    ),
    (2, "trades", ["from_cost.missing"], '{"trade_id":"b,\\"c\\""}'),
    (3, "trades", ["record.malformed"], '{"trade_id":"no, not this"}'),
    (4, "stocks", ["exchange.missing"], '{"symbol":"X","exchange":"NYSE"}'),
]


@pytest.fixture
def stored(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Two batches with rows in quarantine, one of which was waived."""
    monkeypatch.setattr(quarantine, "dsn", lambda settings, role: database.uri(role))
    with database.connect(autocommit=True) as connection:
        for batch in ("b1", "b2"):
            connection.execute(
                "INSERT INTO ops.batch (batch_id, pipeline, run_id, run_type, batch_date, state,"
                " source, generation) VALUES (%s, 'trades', %s, 'manual', '2026-01-01',"
                " 'PUBLISHED', 'files', 1)",
                [batch, batch],
            )
        for record, dataset, reasons, raw in ROWS:
            connection.execute(
                "INSERT INTO ops.quarantine_row VALUES (%s, %s, %s, 1, 'f', 'x.csv', %s, %s, %s)",
                [f"f:{record}", dataset, f"b{1 + record // 3}", record, reasons, raw],
            )
        connection.execute(
            "INSERT INTO ops.quarantine_movement VALUES"
            " ('f:2', 'b1', NULL, 'waived', 'ann', now(), 'not worth it', 'trades')"
        )
    return database


def run(*arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_list_counts_by_reason_what_became_of_the_rows(stored: Database) -> None:
    listed = run("quarantine", "list", "--dataset", "trades")
    assert [(r["batch_id"], r["reason"], r["quarantined"], r["open"]) for r in listed] == [
        ("b1", "from_cost.missing", 2, 1),
        ("b1", "to_cost.missing", 1, 1),
        ("b2", "record.malformed", 1, 1),
    ]
    assert listed[0]["waived"] == 1
    assert [r["dataset"] for r in run("quarantine", "list", "--batch", "b2")] == [
        "stocks",
        "trades",
    ]


def test_show_tells_file_record_reasons_and_text_of_open_rows(stored: Database) -> None:
    (row,) = run("quarantine", "show", "--reason", "from_cost.missing")
    assert (row["source_file"], row["record_number"], row["reasons"]) == ("x.csv", *ROWS[0][::2])
    assert row["raw"] == ROWS[0][3]
    assert len(run("quarantine", "show", "--limit", "2")) == 2
    told = CliRunner().invoke(app, ["quarantine", "show", "--batch", "b1"]).output
    assert "x.csv, record 1, batch b1" in told


def test_export_has_the_form_of_a_patch(stored: Database, tmp_path: Path) -> None:
    out = tmp_path / "patch-trades.csv"
    arguments = ("quarantine", "export", "--dataset", "trades", "--out", str(out))
    assert run(*arguments) == {"rows": 2, "path": str(out)}
    first, malformed = csv.DictReader(out.open(newline=""))
    assert (first["row_id"], first["TradeId"], first["From_Cost"]) == ("f:1", "a", "")
    assert first["reasons"] == "from_cost.missing, to_cost.missing"
    assert (malformed["row_id"], malformed["TradeId"]) == ("f:3", "")
    assert inspect_file(out, load_contract("bronze", "trades")).records == 2


HOSTILE = ("=HYPERLINK(1)", "+1", "-1.50", "@x", "\t=1", "'=1", "''-", "plain", "it's", "'", "")


def test_export_is_disarmed_and_patched_back_it_is_the_same_text(
    stored: Database, settings: Settings, tmp_path: Path
) -> None:
    with stored.connect(autocommit=True) as connection:
        for number, hostile in enumerate(HOSTILE, start=100):
            connection.execute(
                "INSERT INTO ops.quarantine_row"
                " VALUES (%s, 'trades', 'b2', 1, 'h', 'x', %s, %s, %s)",
                [f"h:{number}", number, ["a.b"], json.dumps({"created_by": hostile})],
            )
    out = tmp_path / "rows.csv"
    run("quarantine", "export", "--dataset", "trades", "--out", str(out), "--reason", "a.b")
    shown = [row["Created_By"] for row in csv.DictReader(out.open(newline=""))]
    assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r")) for text in shown)
    assert shown[7:] == [*HOSTILE[7:]], "what is harmless is shown as it is"
    landed = settings.landing / "trades" / deliver_patch(settings, "trades", out)
    given_back = csv.DictReader(landed.open(newline=""))
    assert [row["Created_By"] for row in given_back] == [*HOSTILE]


def test_export_and_patch_are_in_the_dialect_of_the_feed(
    stored: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a header, though other files of the feed have none."""
    feed = make_feed(tmp_path, delimiter=";", quote="'", encoding="cp1252", header=False)
    for module in (patch_form, patches):
        monkeypatch.setattr(module, "load_contract", lambda layer, dataset: feed.bronze)
    raw = {"sale_id": "7", "city": "K\u00f6ln; \u20ac 'alt'", "amount": "-1"}
    out = tmp_path / "rows.csv"
    with stored.connect(autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ops.quarantine_row VALUES ('h:1', 'sales', 'b2', 1, 'h', 'x', 1, %s, %s)",
            [["a.b"], json.dumps(raw)],
        )
        assert export_rows(connection, "sales", Filter(), "csv", out) == 1
        assert "7;'K\u00f6ln; \u20ac ''alt''';'''-1';" in out.read_text("cp1252")
        landed = (
            settings.landing
            / "sales"
            / deliver_patch(settings, "sales", out.rename(tmp_path / "patch-1.csv"))
        )
        text = landed.open(encoding="cp1252", newline="")
        (row,) = csv.DictReader(text, delimiter=";", quotechar="'")
        assert (row["SaleId"], row["city"], row["amount"]) == ("7", raw["city"], "-1")
        beyond = json.dumps({"city": "\u0142"})
        connection.execute("UPDATE ops.quarantine_row SET raw = %s", [beyond])
        with pytest.raises(ExportError, match="a character that cp1252 lacks; take --format jsonl"):
            export_rows(connection, "sales", Filter(), "csv", out)


def test_export_as_json_lines_nests_the_fields_as_delivered(
    stored: Database, tmp_path: Path
) -> None:
    out = tmp_path / "rows.jsonl"
    with stored.connect("assay_reader", autocommit=True) as connection:
        assert export_rows(connection, "stocks", Filter(), "jsonl", out) == 1
    (record,) = map(json.loads, out.read_text().splitlines())
    assert record["row_id"] == "f:4"
    assert record["details"] == {"exchange": "NYSE"}


def test_patch_is_delivered_under_a_name_that_ordinary_runs_leave(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "fixed.csv"
    file.write_text(next(SAMPLES.glob("*.csv")).read_text())
    with pytest.raises(FileRejectedError, match="a patch has a column row_id"):
        deliver_patch(settings, "trades", file)
    header, *records = file.read_text().splitlines()
    file.write_text("\n".join([f"{header},row_id", *(f"{line},f:1" for line in records)]))
    assert deliver_patch(settings, "trades", file) == "patch-fixed.csv"
    with pytest.raises(BatchError, match="is waiting there already"):
        deliver_patch(settings, "trades", file)
    assert pending_files(settings, "trades", "*", None) == []
    assert pending_files(settings, "trades", "*", None, patches=True) == ["patch-fixed.csv"]


def test_ways_out_refuse_what_cannot_be_meant(stored: Database) -> None:
    with pytest.raises(SettingsError, match=r"movement_reason='x': must be .*a text of 3 to 200"):
        run("waive", "--dataset", "trades", "--why", "x")
    with pytest.raises(BatchError, match="mutual_funds: no row is in quarantine"):
        run("replay", "--dataset", "mutual_funds")

"""Values that were shifted somewhere between the delivered file and what readers see."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder

from assay.contracts.load import load_contract
from builders.audited import Site, broken, forge, forge_everywhere, newest_file, set_first

SILVER = load_contract("silver", "trades")


def row_hash(row: dict[str, Any]) -> str:
    """SHA-256 over the row as the documents say; see decision 0006."""
    spelt = []
    for column in SILVER.columns:
        value = row[column.name]
        if isinstance(value, datetime):
            value = round(value.timestamp() * 1_000_000)
        spelt.append("\x1e" if value is None else str(value))
    return hashlib.sha256("\x1f".join(spelt).encode()).hexdigest()


def a_live_row(site: Site) -> dict[str, Any]:
    table = DeltaTable(site.table("silver.trades"))
    query = (
        "SELECT * FROM silver WHERE from_deposited_account IS NOT NULL ORDER BY trade_id LIMIT 1"
    )
    rows = QueryBuilder().register("silver", table).execute(query).read_all()
    return dict(pa.table(rows).to_pylist()[0])


def shifted(row: dict[str, Any], column: str, value: str) -> Callable[[pa.Table], pa.Table]:
    """Give the record of this row another value; where there is a row hash, it is made to fit."""

    def change(rows: pa.Table) -> pa.Table:
        found = rows.to_pylist()
        same = [
            r
            for r in found
            if (r["file_id"], r["record_number"]) == (row["file_id"], row["record_number"])
        ]
        for record in same:
            record[column] = value
            if "row_hash" in record:
                record["row_hash"] = row_hash(record)
        return pa.Table.from_pylist(found, schema=rows.schema) if same else rows

    return change


def test_row_hash_of_the_tests_is_that_of_the_rows(site: Site) -> None:
    row = a_live_row(site)
    assert row_hash(row) == row["row_hash"]


def test_value_that_was_shifted_everywhere_but_in_the_file_is_found(site: Site) -> None:
    row = a_live_row(site)
    change = shifted(row, "from_deposited_account", "GB00EVIL")
    for table in ("bronze.trades", "silver.trades"):
        forge_everywhere(site.table(table), change)
    site.execute(
        "UPDATE serving.trade_event SET from_deposited_account = 'GB00EVIL'"  # noqa: S608
        f" WHERE trade_id = '{row['trade_id']}' AND customer_id = '{row['customer_id']}'"
    )
    found = broken(site.audit())
    assert [*found] == ["I1"], found
    (told,) = found["I1"]
    assert row["source_file"] in told
    assert "texts in bronze.trades = those in the file" in told
    assert "from_deposited_account (1)" in told
    assert f"the first are {row['record_number']}" in told
    assert "GB00EVIL" not in told, "values may be personal"


@pytest.mark.parametrize("column", ["transaction_status", "from_currency", "updated_by"])
def test_value_of_silver_that_is_not_what_bronze_says_is_found(site: Site, column: str) -> None:
    row = a_live_row(site)
    values = {"transaction_status": {"COMPLETED", "FAILED"}, "from_currency": {"USD", "EUR"}}
    other = min(values.get(column, {"Mallory"}) - {row[column]})
    forge_everywhere(site.table("silver.trades"), shifted(row, column, other))
    found = broken(site.audit())["I3"]
    assert [told for told in found if f": {column} of silver.trades = bronze" in told], found
    assert not [told for told in found if "row_hash" in told], "the hash was made to fit"


def test_value_that_bronze_has_dropped_is_found(site: Site) -> None:
    row = a_live_row(site)
    forge_everywhere(site.table("bronze.trades"), shifted(row, "to_debited_account", None))  # type: ignore[arg-type]
    (told,) = broken(site.audit())["I1"]
    assert "to_debited_account (1)" in told


QUARANTINE: dict[str, str] = {
    "a row lost": "DELETE FROM ops.quarantine_row WHERE row_id = (SELECT min(row_id)"
    " FROM ops.quarantine_row)",
    "a text changed": "UPDATE ops.quarantine_row SET raw = '{}' WHERE row_id = (SELECT min(row_id)"
    " FROM ops.quarantine_row)",
    "a reason changed": "UPDATE ops.quarantine_row SET reasons = '{a.b}' WHERE row_id ="
    " (SELECT min(row_id) FROM ops.quarantine_row)",
    "all rows lost": "DELETE FROM ops.quarantine_row",
}


@pytest.mark.parametrize("name", QUARANTINE)
def test_quarantine_that_readers_see_is_that_of_the_lake(site: Site, name: str) -> None:
    site.execute(QUARANTINE[name])
    found = broken(site.audit())
    assert [*found] == ["I1"], found
    assert "ops.quarantine_row of trades = quarantine.trades" in found["I1"][0]


def test_movement_of_a_row_that_postgres_has_not_is_found(site: Site) -> None:
    site.execute(
        "INSERT INTO ops.quarantine_movement (dataset, row_id, from_batch, how, who, why)"
        " SELECT dataset, row_id, batch_id, 'waived', 'me', 'why' FROM ops.quarantine_row LIMIT 1"
    )
    # A waived record is in no silver table, so the audit holds.
    assert broken(site.audit()) == {}
    site.execute(
        "DELETE FROM ops.quarantine_row WHERE row_id IN"
        " (SELECT row_id FROM ops.quarantine_movement)"
    )
    told = broken(site.audit())["I1"]
    assert any("movements of rows that ops.quarantine_row has not" in line for line in told), told


def test_the_audit_goes_on_after_what_it_cannot_read(site: Site) -> None:
    newest_file(site.table("gold.customer_exposure"))[1].unlink()
    checks = {check.invariant: check for check in site.audit()}
    assert checks["I4"].unread == ["gold.customer_exposure"]
    assert "NOT JUDGED on 1 that cannot be read" in checks["I5"].line()
    assert "BROKEN" not in checks["I5"].line()
    assert checks["I5"].compared["rows of gold.daily_trade_summary"] > 0
    assert checks["I4"].compared["gold tables computed anew"] == 1


def test_batch_retried_under_a_corrected_contract_is_compared_by_that(site: Site) -> None:
    """What a batch was built under is what its commit says, not what it began with."""
    spoil = set_first("created_by", "Mallory")
    forge(site.table("silver.trades"), spoil)
    site.execute("UPDATE ops.batch SET contract_versions = '{}'")
    site.execute("DELETE FROM ops.validation_result WHERE expectation = 'known status'")
    found = broken(site.audit())
    assert not {"I3", "I11"} & found.keys(), "nobody knows what these were built under"
    contracts = {"silver.trades": SILVER.version}
    site.execute(
        "INSERT INTO ops.batch_task (batch_id, task_id, epoch, try_number, state, metrics)"  # noqa: S608
        f" SELECT batch_id, 'commit', epoch - 1, 1, 'SUCCESS',"
        f""" '{json.dumps({"contracts": contracts})}' FROM ops.release"""
    )
    found = broken(site.audit())
    assert any("created_by of silver.trades = bronze" in told for told in found["I3"])
    assert any("verdict of 'known status'" in told for told in found["I11"])


def test_files_of_a_batch_that_was_cut_off_and_given_up_went_back(site: Site) -> None:
    given_up = "(SELECT batch_id FROM ops.batch WHERE run_id = 'given up')"
    site.execute(
        "INSERT INTO ops.batch_slice (batch_id, dataset, slice_id, source_file, verdict, reason,"  # noqa: S608
        " records, size_bytes, header, location, format, slice_date, kind, batch_is_live)"
        " SELECT batch_id, 'trades', 'f', 'bad.csv',"
        f" 'rejected', 'why', 0, 1, '{{}}', '{site.settings.rejected}/trades/x/bad.csv', '',"
        " '2026-01-01', 'file', false"
        f" FROM ops.batch WHERE batch_id = {given_up}"
    )
    assert "rejected file" in broken(site.audit())["I10"][0], "its plan was made: it had moved all"
    site.execute(f"UPDATE ops.batch SET manifest_hash = NULL WHERE batch_id = {given_up}")  # noqa: S608
    assert broken(site.audit()) == {}
    # What it had accepted is another batch's by now; one that is cut off has accepted nothing yet.
    own = f"batch_id = {given_up}"
    site.execute(f"DELETE FROM ops.batch_slice WHERE {own} AND verdict = 'accepted'")  # noqa: S608
    site.execute(f"UPDATE ops.batch SET state = 'RUNNING' WHERE {own}")  # noqa: S608
    taking = site.settings.accepted / "taking" / site.execute(f"SELECT {given_up}")[0][0] / "trades"
    taking.mkdir(parents=True)
    (taking / "bad.csv").write_text("x")
    found = broken(site.audit())
    assert not any("bad.csv" in told for told in found.get("I10", [])), found

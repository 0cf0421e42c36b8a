"""A clean past is found clean, and each way to spoil it is found under its own invariant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from assay.errors import BatchError, SettingsError
from assay.verify import TITLES
from assay.verify.delta_log import files_at, read_log
from builders.audited import (
    Past,
    Site,
    broken,
    first_twice,
    forge,
    newest_file,
    set_first,
    without_first,
)

COST = Decimal("123456.78")


def test_what_is_sound_is_found_sound(past: Past, site: Site) -> None:
    checks = site.audit()
    assert broken(checks) == {}
    assert [check.invariant for check in checks] == [*TITLES]
    without = [check.invariant for check in checks if not check.compared.total()]
    assert without == ["I14", "I15", "I16"], (
        "neither stream nor gateway; each other has compared something"
    )
    assert broken(past.unpublished) == {}, "a batch is committed and not published"
    assert broken(past.before_rebuild) == {}


def test_a_copy_elsewhere_is_as_sound_and_a_scope_narrows_what_is_compared(site: Site) -> None:
    first = site.execute("SELECT min(batch_id) FROM ops.release")[0][0]
    for scope in ({"dataset": "trades"}, {"batch": first}):
        checks = {check.invariant: check for check in site.audit(**scope)}
        assert broken([*checks.values()]) == {}
        assert checks["I10"].compared.total() > 0
    with pytest.raises(BatchError, match="no such batch"):
        site.audit(batch="nobody's")
    with pytest.raises(SettingsError, match="no such dataset"):
        site.audit(dataset="nothing")


def archived(site: Site, number: int) -> Path:
    return sorted(path for path in site.settings.archive.rglob("*.csv*") if path.is_file())[number]


def lose_archived_file(site: Site) -> None:
    archived(site, 0).unlink()


def change_archived_file(site: Site) -> None:
    with archived(site, 0).open("ab") as file:
        file.write(b"\n")


def put_file_in_two_places(site: Site) -> None:
    shutil.copy(archived(site, 1), site.settings.accepted / "trades" / "again.csv")


def put_unknown_file(site: Site) -> None:
    (site.settings.rejected / "unheard of.csv").write_text("a\n1\n")


def lose_delta_file(site: Site) -> None:
    newest_file(site.table("gold.customer_exposure"))[1].unlink()


def delete_from_quarantine(site: Site) -> None:
    DeltaTable(site.table("quarantine.trades")).delete("record_number < 30")


def lose_log_entry(site: Site) -> None:
    logs = sorted((site.table("bronze.trades") / "_delta_log").glob("*.json"))
    logs[1].unlink()


def forged(table: str, change: Callable[[pa.Table], pa.Table]) -> Callable[[Site], None]:
    return lambda site: forge(site.table(table), change)


def sql(statement: str) -> Callable[[Site], object]:
    return lambda site: site.execute(statement)


FORGED_RELEASE = """
    INSERT INTO ops.release
        (pipeline, batch_id, epoch, generation, versions, counts, sums, content)
    SELECT pipeline, batch_id, epoch, generation, versions - 'gold.daily_trade_summary', counts,
           sums, content
    FROM ops.current_release"""
FORGED_MOVEMENT = """
    INSERT INTO ops.quarantine_movement (dataset, row_id, from_batch, how, who, why)
    SELECT dataset, slice_id || ':9999', batch_id, 'waived', 'me', 'why' FROM ops.batch_slice
    WHERE verdict = 'accepted' LIMIT 1"""
FORGED_ROW = """
    INSERT INTO serving.trade_event
    SELECT (jsonb_populate_record(t, '{"trade_id": "~forged"}')).*
    FROM serving.trade_event AS t LIMIT 1"""
LOST_ROW = """
    DELETE FROM serving.trade_event
    WHERE trade_id = (SELECT min(trade_id) FROM serving.trade_event)"""

# What is done to a site, and what must be said of it: invariants, each with parts of its findings.
SPOILT: dict[str, tuple[list[Callable[[Site], object]], dict[str, list[str]]]] = {
    "rows of silver lost and changed": (
        [
            forged("silver.trades", without_first),
            forged("silver.trades", set_first("to_cost", COST)),
            forged("silver.trades", set_first("created_by", "Mallory")),
        ],
        {
            "I2": ["rows of silver.trades = new rows"],
            "I3": [
                "(not in silver)",
                "created_by, to_cost of silver.trades = bronze",
                "row_hash of",
            ],
            "I4": ["to_cost of gold.customer_exposure = silver.trades by customer_id"],
            "I5": ["2 rows more", "1 row not there", "sum of to_cost"],
        },
    ),
    "a row of silver twice": (
        [forged("silver.trades", first_twice)],
        {
            "I2": ["rows of silver.trades in two rows"],
            "I3": ["keys of silver.trades = its rows"],
            "I4": ["trades, to_cost of gold.customer_exposure"],
            "I5": ["1 row not there", "count of serving.trade_event"],
        },
    ),
    "a row of bronze lost": (
        [forged("bronze.trades", without_first)],
        {
            "I1": ["rows in bronze = records in the file: expected 60, found 59", "of a rebuild"],
            "I2": ["of no good record in bronze"],
            "I3": ["(not in bronze)"],
        },
    ),
    "a row of bronze twice": (
        [forged("bronze.trades", first_twice)],
        {"I1": ["expected 60, found 61", "bronze numbers its records 1 to n"]},
    ),
    "a quarantined row lost": (
        [forged("quarantine.trades", without_first), sql(FORGED_MOVEMENT)],
        {
            "I1": [
                "rows in quarantine = ops.row_ledger: expected 6, found 5",
                ":9999 that has left",
            ],
            "I3": ["(not in silver)"],
        },
    ),
    "cells of gold changed": (
        [
            forged("gold.customer_exposure", set_first("to_cost", COST)),
            sql("UPDATE gold.daily_trade_summary SET failed = failed + 1, pending = pending - 1"),
        ],
        {
            "I4": ["gold.customer_exposure version"],
            "I5": ["gold.customer_exposure = gold.customer", "gold.daily_trade_summary = gold"],
        },
    ),
    "rows of serving": (
        [sql(FORGED_ROW), sql(LOST_ROW)],
        {"I5": ["1 row more: ~forged", "1 row not there"]},
    ),
    "the row ledger": (
        [
            sql(
                "UPDATE ops.row_ledger SET new = new + 1, duplicate = duplicate - 1"
                " WHERE duplicate > 0 AND generation = 2"
            ),
            sql("DELETE FROM ops.row_ledger WHERE generation = 1"),
        ],
        {
            "I1": ["ledger of the file", "rows in quarantine that the ledger has not"],
            "I2": ["rows of silver.trades = new rows"],
        },
    ),
    "the books": (
        [
            sql(
                "UPDATE ops.release SET sums ="
                " jsonb_set(sums, '{serving.trade_event,to_cost}', '\"1.00\"')"
            ),
            sql(
                "UPDATE ops.release SET versions = jsonb_set(versions, '{quarantine.trades}', '99')"
            ),
            sql(FORGED_RELEASE),
            sql("UPDATE ops.batch SET state = 'FAILED' WHERE run_id = 'second'"),
            sql("UPDATE ops.pipeline_lease SET epoch = 3"),
            sql("DELETE FROM ops.validation_result WHERE expectation = 'no unknown column'"),
            sql(
                "UPDATE ops.validation_result SET success = false"
                " WHERE expectation = 'known status'"
            ),
            sql("UPDATE ops.validation_result SET epoch = epoch + 1000 WHERE layer = 'gold'"),
        ],
        {
            "I1": ["quarantine of trades: expected can be read"],
            "I2": ["silver.trades: expected can be read"],
            "I3": ["silver.trades: expected can be read"],
            "I5": ["sum of to_cost of serving.trade_event"],
            "I6": ["expected COMMITTING or COMMITTED or PUBLISHED, found FAILED"],
            "I7": ["releases of this content"],
            "I9": ["at most 3, that of the lease"],
            "I11": ["verdict of 'no unknown column'", "'known status' on", "verdicts on version"],
            "I13": ["quarantine.trades at the version that release"],
        },
    ),
    "a released version": (
        [
            sql(
                "UPDATE ops.release SET versions ="
                " jsonb_set(versions, '{gold.customer_exposure}', '1')"
            )
        ],
        {
            "I4": ["gold.customer_exposure version 1 = its aggregate"],
            "I5": ["gold.customer_exposure version 1"],
            "I13": ["gold.customer_exposure at the version that release"],
        },
    ),
    "releases taken back": (
        [sql("DELETE FROM ops.release WHERE generation = 1")],
        {
            "I1": ["records of a rebuild = bronze"],
            "I2": ["of no good record"],
            "I3": ["(not in bronze)"],
            "I6": ["a published batch has a release"],
            "I10": ["archived file: expected of a released batch"],
        },
    ),
    "files of landing": (
        [
            lose_archived_file,
            change_archived_file,
            put_file_in_two_places,
            put_unknown_file,
        ],
        {
            "I1": ["an unreadable file"],
            "I10": ["nothing there", "sha256", "places of one file", "file in the ledger"],
        },
    ),
    "a file of Delta": (
        [lose_delta_file],
        {"I4": ["can be read"], "I5": ["can be read"], "I12": ["expected there, found missing"]},
    ),
    "the logs of Delta": (
        [delete_from_quarantine, lose_log_entry],
        {
            "I1": ["can be read"],
            "I2": ["can be read"],
            "I3": ["can be read"],
            "I13": ["DELETE without a batch", "version of bronze.trades after 0"],
        },
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_spoilt_is_found_under_its_invariant(site: Site, name: str) -> None:
    spoils, expected = SPOILT[name]
    for spoil in spoils:
        spoil(site)
    found = broken(site.audit())
    told = json.dumps(found, indent=1)
    assert set(found) == set(expected), told
    for invariant, parts in expected.items():
        for part in parts:
            assert any(part in violation for violation in found[invariant]), f"{part}: {told}"


def test_files_of_a_version_are_those_that_delta_reads(site: Site) -> None:
    """Deletion vectors among them: their names are spelt in Z85."""
    table = site.table("silver.trades")
    log = read_log(table)
    needed = files_at(table, log, {entry.version for entry in log})
    assert any(name.startswith("deletion_vector_") for name in needed)
    assert all((table / name).is_file() for name in needed)
    newest = {Path(uri).name for uri in DeltaTable(table).file_uris()}
    assert newest <= {Path(name).name for name in needed}

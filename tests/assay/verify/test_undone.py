"""Batches that were taken back, and releases that were made again, are no faults."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder
from psycopg.types.json import Jsonb

from assay.contract import gold_contracts, load_contract
from assay.verify.evidence import LINEAGE
from builders.audited import Site, broken, newest_file

SILVER = load_contract("silver", "trades")
GOLD = gold_contracts(["trades"])


def read(site: Site, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    delta = DeltaTable(site.table(table))
    names = ", ".join(f'"{name}"' for name in columns)
    query = QueryBuilder().register("source", delta).execute(f"SELECT {names} FROM source")  # noqa: S608
    return [tuple(row.values()) for row in pa.table(query.read_all()).to_pylist()]


def reload(site: Site, table: str, source: str, columns: list[str]) -> None:
    rows = read(site, source, columns)
    listed = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join(["%s"] * len(columns))
    with site.database.connect("assay_owner", autocommit=True) as connection:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
        with connection.cursor() as cursor:
            insert = f"INSERT INTO {table} ({listed}) VALUES ({marks})"  # noqa: S608
            cursor.executemany(insert, rows)  # type: ignore[arg-type]


def batch_of(site: Site, run_id: str) -> str:
    query = f"SELECT batch_id FROM ops.batch WHERE run_id = '{run_id}' AND state <> 'DRY_RUN'"  # noqa: S608
    return str(site.execute(query)[0][0])


def roll_back(site: Site, run_id: str, release_id: int) -> None:
    """What a rollback of the newest batch to an earlier release leaves behind."""
    with site.database.connect("assay_owner", autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS ops.rollback (rollback_id text, pipeline text,"
            " to_release bigint, batches text[], who text, at timestamptz, why text)"
        )
        connection.execute("GRANT SELECT ON ops.rollback TO assay_reader")
        epoch = connection.execute(
            "UPDATE ops.pipeline_lease SET epoch = epoch + 1 RETURNING epoch"
        ).fetchall()[0][0]
        found = "SELECT versions, batch_id FROM ops.release WHERE release_id = %s"
        versions, current = connection.execute(found, [release_id]).fetchall()[0]
        rollback_id = f"rollback_{epoch}"
        connection.execute(
            "INSERT INTO ops.rollback VALUES (%s, 'trades', %s, NULL, 'ann', now(), 'to see')",
            [rollback_id, release_id],
        )
        fence = json.dumps({"batch_id": rollback_id, "epoch": epoch})
        for table, version in versions.items():
            properties = CommitProperties(custom_metadata={"userMetadata": fence})
            delta = DeltaTable(site.table(table))
            delta.restore(version, commit_properties=properties)
            versions[table] = DeltaTable(site.table(table)).version()
        undone = batch_of(site, run_id)
        connection.execute("DELETE FROM ops.row_ledger WHERE batch_id = %s", [undone])
        connection.execute("DELETE FROM ops.quarantine_row")
        state = "UPDATE ops.batch SET state = 'ROLLED_BACK' WHERE batch_id = %s"
        connection.execute(state, [undone])
        connection.execute(
            "INSERT INTO ops.release (pipeline, batch_id, epoch, generation, versions, counts,"
            " sums, content) SELECT pipeline, %s, %s, generation, %s, counts, sums, content"
            " FROM ops.release WHERE release_id = %s",
            [current, epoch, Jsonb(versions), release_id],
        )
        for batch, file, name, number, reasons, raw in read(
            site,
            "quarantine.trades",
            ["batch_id", "file_id", "source_file", "record_number", "reasons", "raw"],
        ):
            connection.execute(
                "INSERT INTO ops.quarantine_row VALUES (%s, 'trades', %s, 1, %s, %s, %s, %s, %s)",
                [f"{file}:{number}", batch, file, name, number, reasons, raw],
            )
    reload(site, SILVER.serving, SILVER.table, [*SILVER.column_names, *LINEAGE])
    for gold in GOLD:
        reload(site, gold.table, gold.table, gold.column_names)


def give_back(site: Site, run_id: str) -> None:
    batch = f"batch_id = '{batch_of(site, run_id)}'"
    own = f"FROM ops.batch_file WHERE verdict = 'accepted' AND {batch}"
    for location, name in site.execute(f"SELECT location, source_file {own}"):
        place = site.settings.landing / "trades" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(location), place)
        site.execute(
            f"UPDATE ops.batch_file SET location = '{place}'"  # noqa: S608
            f" WHERE location = '{location}' AND {batch}"
        )


def test_rolled_back_batches_leave_a_past_that_is_sound(site: Site) -> None:
    site.execute(
        "ALTER TABLE ops.batch DROP CONSTRAINT batch_state_check"
    )  # the migration of the rollback adds the state
    roll_back(site, "rebuild", 2)
    assert broken(site.audit()) == {}
    roll_back(site, "second", 1)
    assert broken(site.audit()) == {}, "its files are kept in the archive"
    give_back(site, "second")
    assert broken(site.audit()) == {}, "its files are pending again"
    site.execute(
        f"INSERT INTO ops.row_ledger SELECT '{batch_of(site, 'second')}', dataset, 1, file_id,"  # noqa: S608
        " records, new, updated, duplicate, superseded, quarantined FROM ops.row_ledger LIMIT 1"
    )
    assert "I6" in broken(site.audit()), "its ledger is gone with it"


def test_gold_made_anew_by_a_changed_rule_is_no_repeat(site: Site) -> None:
    """The newest batch commits again: the same silver, another version of gold."""
    log, _ = newest_file(site.table("gold.customer_exposure"))
    ((epoch,),) = site.execute("UPDATE ops.pipeline_lease SET epoch = epoch + 1 RETURNING epoch")
    told = next(
        json.loads(line)["commitInfo"]
        for line in log.read_text().splitlines()
        if "commitInfo" in line
    )
    fence = json.loads(told["userMetadata"]) | {"epoch": epoch, "digest": "another"}
    told["userMetadata"] = json.dumps(fence)
    version = int(log.stem) + 1
    log.with_name(f"{version:020}.json").write_text(json.dumps({"commitInfo": told}) + "\n")
    again = (
        "INSERT INTO ops.release (pipeline, batch_id, epoch, generation, versions, counts, sums,"
        " content) SELECT pipeline, batch_id, %d, generation, versions || '%s', counts, sums,"
        " content FROM ops.current_release"
    )
    site.execute(again % (epoch, json.dumps({"gold.customer_exposure": version})))
    assert broken(site.audit()) == {}
    site.execute(again % (epoch, '{"bronze.trades": 0}'))
    assert "releases of this content" in broken(site.audit())["I7"][0]

"""Batches that were taken back, and releases that were made again, are no faults."""

from __future__ import annotations

import json

from psycopg import connect

from assay.ledger import take_epoch
from assay.operations.rollback import Request, roll_back
from builders.audited import Site, broken, newest_file


def batch_of(site: Site, run_id: str) -> str:
    query = f"SELECT batch_id FROM ops.batch WHERE run_id = '{run_id}' AND state <> 'DRY_RUN'"  # noqa: S608
    return str(site.execute(query)[0][0])


def take_back(site: Site, release_id: int, *, gives_back: bool) -> None:
    uri = site.database.uri("assay_loader")
    with site.database.connect("assay_loader", autocommit=True) as connection:
        epoch = take_epoch(connection, "trades", "a rollback")
    request = Request(release_id, None, "ann", "to see", gives_back)
    roll_back(site.settings, lambda: connect(uri), uri, "trades", request, epoch)


def test_rolled_back_batches_leave_a_past_that_is_sound(site: Site) -> None:
    take_back(site, 2, gives_back=False)
    assert broken(site.audit()) == {}, "the rebuild is gone"
    take_back(site, 1, gives_back=True)
    assert broken(site.audit()) == {}, "the files of the second are pending again"
    site.execute(
        f"INSERT INTO ops.row_ledger SELECT '{batch_of(site, 'second')}', dataset, 1, slice_id,"  # noqa: S608
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

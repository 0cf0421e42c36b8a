"""I9 and I13: the logs of Delta against leases, attempts and releases in Postgres."""

from __future__ import annotations

from itertools import pairwise

from assay.verify.books import LIVE, Row
from assay.verify.delta_log import LogEntry
from assay.verify.evidence import Evidence
from assay.verify.report import Check


def check_fencing(evidence: Evidence, check: Check) -> None:
    """Epochs only grow: along each table's log, along the releases, and never past the lease.

    That the epoch was its batch's own is compared with the recorded attempts, where there are any.
    """
    books = evidence.books
    holders = {
        (books.pipeline_of(a["batch_id"]), a["epoch"]): a["batch_id"] for a in books.attempts
    }
    for table in evidence.table_names():
        with check.reading(table):
            _check_epochs(evidence, check, table, holders)
    last: dict[str, int] = {}
    for row in books.releases:
        where, batch = f"release {row['release_id']}", row["batch_id"]
        if row["epoch"] < last.get(row["pipeline"], 0):
            check.broken(
                f"epoch of {where}", f"at least {last[row['pipeline']]}", row["epoch"], batch=batch
            )
        last[row["pipeline"]] = row["epoch"]
        _check_epoch(check, where, row["epoch"], books.leases.get(row["pipeline"], 0), batch)
        check.saw("releases")


def _check_epochs(
    evidence: Evidence, check: Check, table: str, holders: dict[tuple[str, int], set[str]]
) -> None:
    books, newest = evidence.books, -1
    for entry in evidence.log(table):
        if not entry.batch_id:
            continue
        batch_id, where = entry.batch_id, f"version {entry.version} of {table}"
        if entry.epoch <= newest:
            check.broken(f"epoch of {where}", f"above {newest}", entry.epoch, batch=batch_id)
        newest = max(newest, entry.epoch)
        pipeline = books.pipeline_of(batch_id)
        if not pipeline and books.is_adopted(table, entry.version):
            continue  # there is no lease and no attempt to compare it with
        _check_epoch(check, where, entry.epoch, books.leases.get(pipeline, 0), batch_id)
        held_by = holders.get((pipeline, entry.epoch), {batch_id})
        if batch_id not in held_by:
            told = " or ".join(sorted(held_by))
            check.broken(f"holder of epoch {entry.epoch}", told, batch_id, batch=batch_id)
        if entry.txn_versions:
            what = f"transaction of {where}"
            check.equal(what, (entry.epoch,), entry.txn_versions, batch=batch_id)
        check.saw("commits")


def _check_epoch(check: Check, where: str, epoch: int, lease: int, batch: str) -> None:
    if epoch > lease:
        check.broken(f"epoch of {where}", f"at most {lease}, that of the lease", epoch, batch=batch)


def check_logs(evidence: Evidence, check: Check) -> None:
    """Versions without a gap, by nobody else; every acknowledged commit is there and is ours."""
    for table in evidence.table_names():
        with check.reading(table):
            _check_log(evidence, check, table)
    commits = [
        row
        for row in evidence.books.attempts
        if row["versions"] and row["task_id"] == "commit" and row["state"] == "SUCCESS"
    ]
    for rows in (evidence.books.releases, commits):
        newest = {row["batch_id"]: row for row in rows}
        for row in rows:
            is_newest = row is newest[row["batch_id"]]
            for table, version in row["versions"].items():
                with check.reading(table):
                    _check_acknowledged(evidence, check, row, table, version, is_newest=is_newest)


def _check_log(evidence: Evidence, check: Check, table: str) -> None:
    books, log = evidence.books, evidence.log(table)
    for before, after in pairwise(log):
        check.equal(f"version of {table} after {before.version}", before.version + 1, after.version)
    for entry in log:
        where = f"version {entry.version} of {table}"
        if not entry.batch_id and not entry.is_upkeep:
            told = f"{entry.operation or 'a write'} without a batch"
            check.broken(where, "a commit of a batch", told)
        is_known = books.pipeline_of(entry.batch_id) or books.is_adopted(table, entry.version)
        if entry.batch_id and not is_known:
            check.broken(where, "a batch in ops.batch", entry.batch_id)
    _check_manifests(evidence, check, table, log)
    check.saw("versions", len(log))


def _check_manifests(evidence: Evidence, check: Check, table: str, log: list[LogEntry]) -> None:
    """The last commit of each finished batch was made from the files that its row names."""
    for batch_id, entry in {entry.batch_id: entry for entry in log if entry.batch_id}.items():
        batch = evidence.books.batches.get(batch_id)
        if batch and batch["state"] in LIVE and batch["manifest_hash"]:
            found = entry.fence.get("manifest_hash")
            what = f"manifest of version {entry.version} of {table}"
            check.equal(what, batch["manifest_hash"], found, batch=batch_id)


def _check_acknowledged(
    evidence: Evidence, check: Check, told: Row, table: str, version: int, *, is_newest: bool
) -> None:
    """A version that was acknowledged is in the log; it is the batch's, or it found no change.

    A table that the batch did not change stands at the version of an earlier commit; after a
    rollback at that of the rollback.
    """
    books, batch_id, log = evidence.books, told["batch_id"], evidence.log(table)
    if not log or version < log[0].version or not evidence.in_scope(batch_id):
        return  # older logs are not kept
    by = f"release {told['release_id']}" if "release_id" in told else f"epoch {told['epoch']}"
    where = f"{table} at the version that {by} names"
    check.saw("acknowledged versions")
    if version > log[-1].version:
        check.broken(where, version, f"a log that ends at {log[-1].version}", batch=batch_id)
        return
    settled = is_newest and books.batches[batch_id]["state"] == "PUBLISHED"
    own = [entry.version for entry in log if entry.batch_id == batch_id]
    restored = [entry.version for entry in log if entry.batch_id in books.rollbacks]
    if settled and own and version not in restored:
        check.equal(where, own[-1], version, batch=batch_id)

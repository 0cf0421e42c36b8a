"""I6 and I7: no trace of a batch that did not finish, and none of anything done twice."""

from __future__ import annotations

from itertools import pairwise

from assay.verify.books import GAVE_BACK, IN_LAKE, UNDONE, Row
from assay.verify.evidence import Evidence
from assay.verify.report import Check

WRITTEN_BY_COMMIT = ("silver", "quarantine", "gold")


def check_atomicity(evidence: Evidence, check: Check) -> None:
    """A batch that is not in the lake has no commit there, no ledger, no release.

    As written (the published content before and after a failed run is the same) it takes two
    audits; this is what one can see: nothing bears the name of a batch that failed, was
    abandoned, was a dry run or still builds.
    """
    books = evidence.books
    for table in evidence.table_names():
        if table.split(".")[0] in WRITTEN_BY_COMMIT:
            with check.reading(table):
                _check_commits(evidence, check, table)
    told = [(f"release {row['release_id']}", row["batch_id"]) for row in books.releases]
    for what, batch_id in told:
        _check_state(evidence, check, what, batch_id, (*IN_LAKE, *UNDONE))
    for row in books.ledger:
        what = f"ledger of {row['dataset']}"
        _check_state(evidence, check, what, row["batch_id"], IN_LAKE)
    for row in books.movements:
        if row["to_batch"]:
            what = f"movement of row {row['row_id']}"
            _check_state(evidence, check, what, row["to_batch"], IN_LAKE)
    _check_published(evidence, check)


def _check_commits(evidence: Evidence, check: Check, table: str) -> None:
    books = evidence.books
    for entry in evidence.log(table):
        is_known = entry.batch_id in books.batches
        if not entry.batch_id or entry.batch_id in books.rollbacks:
            continue
        if is_known or not books.is_adopted(table, entry.version):
            what = f"version {entry.version} of {table}"
            _check_state(evidence, check, what, entry.batch_id, (*IN_LAKE, *UNDONE))
        check.saw("commits")


def _check_state(
    evidence: Evidence, check: Check, what: str, batch_id: str, allowed: tuple[str, ...]
) -> None:
    state = evidence.books.batches.get(batch_id, {}).get("state", "unknown")
    if state not in allowed and evidence.in_scope(batch_id):
        told = " or ".join(state for state in allowed if state not in UNDONE)
        check.broken(f"{what} is of a batch in the lake", told, state, batch=batch_id)


def _check_published(evidence: Evidence, check: Check) -> None:
    """A waiver alone is published without a release: it has committed nothing."""
    committed = {row["batch_id"] for row in evidence.books.attempts if row["versions"]}
    for batch_id, batch in evidence.books.batches.items():
        if not evidence.in_scope(batch_id):
            continue
        check.saw("batches")
        if batch["source"] == "quarantine" and batch_id not in committed:
            continue
        if batch["state"] == "PUBLISHED" and batch_id not in evidence.books.released:
            check.broken("a published batch has a release", "one", "none", batch=batch_id)


def check_idempotence(evidence: Evidence, check: Check) -> None:
    """A repeat changed nothing: no content is accepted, committed or released twice in a row.

    As written it takes a run of the tasks; this is what their traces say.
    """
    _check_acceptances(evidence, check)
    for table in evidence.table_names():
        with check.reading(table):
            _check_repeats(evidence, check, table)
    for pipeline in evidence.books.leases:
        releases = [row for row in evidence.books.releases if row["pipeline"] == pipeline]
        for one, next_one in pairwise(releases):
            if _is_repeated(one, next_one):
                told = f"release {one['release_id']}", f"also {next_one['release_id']}"
                check.broken("releases of this content", *told, batch=one["batch_id"])
        check.saw("releases", len(releases))


def _check_acceptances(evidence: Evidence, check: Check) -> None:
    books = evidence.books
    holders: dict[tuple[str, str], str] = {}
    for file in books.files:
        live = books.batches[file["batch_id"]]["state"] not in GAVE_BACK
        if file["verdict"] != "accepted" or not live or not evidence.has_dataset(file["dataset"]):
            continue
        key = (file["dataset"], file["slice_id"])
        first = holders.setdefault(key, file["batch_id"])
        if first != file["batch_id"]:
            check.broken(
                "batches that accepted this content",
                first,
                f"also {file['batch_id']}",
                batch=file["batch_id"],
                file=file["source_file"],
            )
        check.saw("accepted contents")


def _check_repeats(evidence: Evidence, check: Check, table: str) -> None:
    ours = [entry for entry in evidence.log(table) if entry.batch_id]
    for before, after in pairwise(ours):
        same = (before.batch_id, before.fence.get("digest")) == (
            after.batch_id,
            after.fence.get("digest"),
        )
        if same and after.fence.get("digest"):
            check.broken(
                f"commits of this content to {table}",
                f"version {before.version}",
                f"also version {after.version}",
                batch=after.batch_id,
            )
    check.saw("commits", len(ours))


def _is_repeated(one: Row, other: Row) -> bool:
    """The same silver of one batch, and no table moved between, as gold does by a changed rule."""
    if (one["batch_id"], one["content"]) != (other["batch_id"], other["content"]):
        return False
    both = one["versions"].keys() & other["versions"].keys()
    return all(one["versions"][table] == other["versions"][table] for table in both)

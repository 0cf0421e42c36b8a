"""I6 and I7: no trace of a batch that did not finish, and none of anything done twice."""

from __future__ import annotations

from itertools import pairwise

from assay.verify.books import IN_LAKE
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
        if table.split(".")[0] not in WRITTEN_BY_COMMIT:
            continue
        for entry in evidence.log(table):
            if entry.batch_id and evidence.in_scope(entry.batch_id):
                state = books.batches.get(entry.batch_id, {}).get("state", "unknown")
                if state not in IN_LAKE:
                    _unfinished(check, f"version {entry.version} of {table}", state, entry.batch_id)
                check.saw("commits")
    told = [(f"release {row['release_id']}", row["batch_id"]) for row in books.releases]
    told += [(f"ledger of {row['dataset']}", row["batch_id"]) for row in books.ledger]
    for what, batch_id in told:
        state = books.batches[batch_id]["state"]
        if state not in IN_LAKE and evidence.in_scope(batch_id):
            _unfinished(check, what, state, batch_id)
    _check_published(evidence, check)


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


def _unfinished(check: Check, what: str, state: str, batch_id: str) -> None:
    check.broken(f"{what} is of a batch in the lake", " or ".join(IN_LAKE), state, batch=batch_id)


def check_idempotence(evidence: Evidence, check: Check) -> None:
    """A repeat changed nothing: no content is accepted, committed or released twice in a row.

    As written it takes a run of the tasks; this is what their traces say.
    """
    books = evidence.books
    holders: dict[tuple[str, str], str] = {}
    for file in books.files:
        live = books.batches[file["batch_id"]]["state"] not in ("ABANDONED", "DRY_RUN")
        if file["verdict"] != "accepted" or not live or not evidence.has_dataset(file["dataset"]):
            continue
        key = (file["dataset"], file["file_id"])
        first = holders.setdefault(key, file["batch_id"])
        if first != file["batch_id"]:
            name = file["source_file"]
            check.broken(
                "batches that accepted this content",
                first,
                f"also {file['batch_id']}",
                batch=file["batch_id"],
                file=name,
            )
        check.saw("accepted contents")
    for table in evidence.table_names():
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
    for pipeline in books.leases:
        releases = [row for row in books.releases if row["pipeline"] == pipeline]
        for one, next_one in pairwise(releases):
            if (one["batch_id"], one["content"]) == (next_one["batch_id"], next_one["content"]):
                told = f"release {one['release_id']}", f"also {next_one['release_id']}"
                check.broken("releases of this content", *told, batch=one["batch_id"])
        check.saw("releases", len(releases))

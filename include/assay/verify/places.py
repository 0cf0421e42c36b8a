"""I10: every file that was ever taken is in exactly one place, byte for byte."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from assay.storage.addresses import ObjectPath, Place, as_place
from assay.storage.objects import exists, on_this_machine, stored_below
from assay.verify.books import GAVE_BACK, UNDONE, Row
from assay.verify.evidence import Evidence
from assay.verify.report import Check
from assay.verify.stream_files import StreamFiles

REASON = ".reason.txt"
STILL_TAKING = ("RUNNING", "FAILED")


def check_places(evidence: Evidence, check: Check) -> None:
    """Each file lies where the ledger says, and nowhere else; its sha256 is unchanged.

    What lies in landing has not been taken, so nothing is said of it; the accepted files of an
    abandoned batch went back there. In the archive are only files of released batches, and
    those without a record of EMPTY ones. That
    these are backed up too cannot be said yet: there is no backup.
    """
    books = evidence.books
    known: dict[Place, Row] = {}
    reasons: set[Place] = set()
    for file in books.files:
        place = as_place(file["location"])
        recorded = books.recorded.get((file["dataset"], file["slice_id"]))
        if file["verdict"] == "rejected":
            if recorded and file["location"] == recorded["path"]:
                continue  # a slice of a stream stays where it is, for the next batch
            reasons.add(place.parent)
        if file["removed_at"] or _was_given_back(evidence, file, place):
            continue  # removed by maintenance, as its contract says
        known[place] = file
        if evidence.in_scope(file["batch_id"]) and evidence.has_dataset(file["dataset"]):
            with check.reading(f"{file['verdict']} file", file=file["source_file"]):
                _check_file(evidence, check, file)
    if not evidence.batch and not evidence.dataset:
        _check_strays(evidence, check, known, reasons)


def _was_given_back(evidence: Evidence, file: Row, place: Place) -> bool:
    """Whether it is pending again, or of another batch since.

    A batch that was abandoned while it still took its files (it has no manifest yet) gave back
    also those that it was about to reject, and had not moved.
    """
    batch = evidence.books.batches[file["batch_id"]]
    if batch["state"] not in GAVE_BACK:
        return False
    recorded = evidence.books.recorded.get((file["dataset"], file["slice_id"]))
    if recorded and file["verdict"] == "accepted":  # pending again, or of another batch since
        return bool(recorded["released_by"] != file["batch_id"])
    if batch["state"] in UNDONE:  # its files may as well be kept in the archive
        return place.is_relative_to(evidence.settings.landing)
    if batch["state"] == "DRY_RUN" or file["verdict"] == "accepted":
        return True
    return batch["manifest_hash"] is None and not exists(place)


def _check_file(evidence: Evidence, check: Check, file: Row) -> None:
    settings, place = evidence.settings, as_place(file["location"])
    where = {"batch": file["batch_id"], "file": file["source_file"]}
    check.saw(f"files {file['verdict']}")
    state = evidence.books.batches[file["batch_id"]]["state"]
    if not exists(place):
        if state in STILL_TAKING and exists(_place_while_taken(evidence, file)):
            return  # recorded, and cut off before it was moved on
        check.broken(f"{file['verdict']} file", f"at {place}", "nothing there", **where)
        return
    roots = {
        "accepted": (settings.accepted, settings.archive),
        "duplicate": (settings.archive / "duplicates",),
        "rejected": (settings.rejected,),
    }[file["verdict"]]
    if not any(place.is_relative_to(root) for root in roots):
        check.broken(
            f"{file['verdict']} file", f"in {' or '.join(map(str, roots))}", place, **where
        )
    with on_this_machine(place) as path:
        if file["slice_id"] and path.is_file() and not path.is_symlink():
            check.equal("size", file["size_bytes"], path.stat().st_size, **where)
            recorded = evidence.books.recorded.get((file["dataset"], file["slice_id"]))
            sha256 = recorded["sha256"] if recorded else file["slice_id"]
            check.equal("sha256", sha256, hash_file(path), **where)
    is_archived = file["verdict"] == "accepted" and place.is_relative_to(settings.archive)
    has_nothing = state == "EMPTY" and not file["records"]
    is_past = file["batch_id"] in evidence.books.released or state in UNDONE or has_nothing
    if is_archived and not is_past:
        check.broken("archived file", "of a released batch", f"batch is {state}", **where)


def _place_while_taken(evidence: Evidence, file: Row) -> Place:
    return evidence.settings.accepted.joinpath(
        "taking", file["batch_id"], file["dataset"], file["source_file"]
    )


def _check_strays(
    evidence: Evidence, check: Check, known: dict[Place, Row], reasons: set[Place]
) -> None:
    contents = {file["slice_id"]: place for place, file in known.items() if file["slice_id"]}
    of_streams = StreamFiles(evidence)
    for path in _files_below(evidence):
        check.saw("files found")
        if path in known or _is_reason(path, reasons) or _is_being_taken(evidence, path):
            continue
        sha256 = _identity(path)
        if of_streams.are_told(check, path, sha256):
            continue
        twin = contents.get(sha256)
        if twin is None:
            check.broken("file in the ledger", "a row of ops.batch_slice", "none", file=str(path))
        elif not _is_one_file(twin, path):  # a file lent to a task that runs again
            file = known[twin]
            check.broken(
                "places of one file",
                twin,
                f"also {path}",
                batch=file["batch_id"],
                file=file["source_file"],
            )


def hash_file(path: Path) -> str:
    """The sha256 of a file's bytes, which is its identity."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(place: Place) -> str:
    with on_this_machine(place) as path:
        return hash_file(path) if path.is_file() else ""


def _is_one_file(one: Place, other: Place) -> bool:
    if isinstance(one, ObjectPath) or isinstance(other, ObjectPath):
        return one == other
    return one.exists() and one.samefile(other)


def _files_below(evidence: Evidence) -> Iterator[Place]:
    settings = evidence.settings
    for root in (settings.accepted, settings.archive, settings.rejected):
        if isinstance(root, ObjectPath):
            yield from (root / name for name in sorted(stored_below(root)))
            continue
        for folder, _, names in os.walk(root):
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _is_reason(path: Place, reasons: set[Place]) -> bool:
    """The text that says why a file beside it was rejected; a long name of it may be cut."""
    return path.name.endswith(REASON) and path.parent in reasons


def _is_being_taken(evidence: Evidence, path: Place) -> bool:
    """Whether a batch that runs, or was cut off and will go on, has the file in its folder."""
    taking = evidence.settings.accepted / "taking"
    if not path.is_relative_to(taking):
        return False
    batch = evidence.books.batches.get(path.relative_to(taking).parts[0])
    return batch is None or batch["state"] in STILL_TAKING

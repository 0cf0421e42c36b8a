"""I16: what the gateway has answered for is in a file that is waiting, or in the books, whole."""

from __future__ import annotations

from pathlib import Path

from assay.storage.objects import exists
from assay.verify.books import Row
from assay.verify.evidence import Evidence
from assay.verify.report import Check


def check_receipts(evidence: Evidence, check: Check) -> None:
    """The receipts of a file cover its records from the first one on, without a gap or an overlap;
    and the books, once they know the file, have counted as many.
    """
    if evidence.batch:  # receipts belong to no batch
        return
    counted = _counted(evidence)
    for told in evidence.books.receipts:
        if not evidence.has_dataset(told["dataset"]):
            continue
        name, place = told["file_name"], (told["dataset"], told["slice_id"])
        check.saw("receipts", told["receipts"])
        check.saw("files of the gateway")
        check.equal("records that receipts cover", told["last_record"], told["records"], file=name)
        check.equal("first record with a receipt", 1, told["first_record"], file=name)
        if place in counted:
            what = "records with a receipt, and as counted"
            check.equal(what, told["records"], counted[place], file=name)
        elif not _is_waiting(evidence, told):
            where = "a file in landing, or a row of the books"
            check.broken("records with a receipt", where, "neither", file=name)


def _counted(evidence: Evidence) -> dict[tuple[str, str], int]:
    """Records of each file that the books know; of one that was refused, nobody has counted any."""
    books = evidence.books
    found = {place: row["records"] for place, row in books.recorded.items()}
    for row in books.files:
        if row["verdict"] == "accepted":
            found[row["dataset"], row["slice_id"]] = row["records"]
    return found


def _is_waiting(evidence: Evidence, told: Row) -> bool:
    """Whether the file is in landing or about to be, is being taken, or was refused with reason."""
    settings, dataset, name = evidence.settings, told["dataset"], told["file_name"]
    if exists(settings.landing / dataset / name):
        return True
    own = [settings.home / "gateway", settings.accepted / "taking", settings.landing / dataset]
    if any(name in each.name for root in own if isinstance(root, Path) for each in root.rglob("*")):
        return True
    of_it = (row for row in evidence.books.files if row["slice_id"] == told["slice_id"])
    return any(row["verdict"] == "rejected" for row in of_it)

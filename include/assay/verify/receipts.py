"""I16: what the gateway has answered for is in a file that is waiting, or in the books, whole.

Or it is in a topic: at offsets of its own, which a slice of a stream has, or which no stream has
read yet. What the topic itself holds is not asked; Kafka keeps it until its retention is over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from assay.storage.addresses import Place
from assay.storage.objects import exists, stored_below
from assay.verify.books import Row
from assay.verify.evidence import Evidence
from assay.verify.report import Check

Partition = tuple[str, str]  # topic, and the number of the partition
Stretches = list[tuple[int, int]]  # first offset, and first after it
BEYOND = 1 << 63  # every offset is less


def check_receipts(evidence: Evidence, check: Check) -> None:
    """The receipts of a file cover its records from the first one on, without a gap or an overlap;
    and the books, once they know the file, have counted as many. Of a topic each receipt has as
    many offsets as records, no other has one of them, and what a stream is past is in slices.
    """
    if evidence.batch:  # receipts belong to no batch
        return
    _check_files(evidence, check)
    _check_topics(evidence, check)


def _check_files(evidence: Evidence, check: Check) -> None:
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
    """Whether the file is in landing or about to be, is being taken, or was refused with reason.

    The places are looked at in the order in which a file comes by them, so it is in none unseen.
    """
    settings, dataset, name = evidence.settings, told["dataset"], told["file_name"]
    if exists(settings.landing / dataset / name):
        return True
    on_its_way = (settings.home / "gateway", settings.landing / dataset)
    for place in (*on_its_way, settings.accepted / "taking"):
        if any(name in each for each in _names_below(place)):
            return True
    if _is_accepted(evidence, told) or (dataset, told["slice_id"]) in evidence.books.refused:
        return True
    of_it = (row for row in evidence.books.files if row["slice_id"] == told["slice_id"])
    return any(row["verdict"] == "rejected" for row in of_it)


def _is_accepted(evidence: Evidence, told: Row) -> bool:
    """Whether the file is where a stream has put it, which is about to record it."""
    folder = evidence.settings.accepted / told["dataset"]
    return any(name.startswith(f"{told['slice_id']}.") for name in _names_below(folder))


def _names_below(folder: Place) -> Iterator[str]:
    """The names of files there, some with folders before them."""
    if isinstance(folder, Path):
        return (path.name for path in folder.rglob("*"))
    return iter(stored_below(folder))


def _check_topics(evidence: Evidence, check: Check) -> None:
    books = evidence.books
    for told in books.miscounted:
        if evidence.has_dataset(told["dataset"]):
            what = f"offsets of receipt {told['receipt_id']}"
            check.equal(what, told["records"], told["offsets"])
    in_slices = _in_slices(evidence)
    for told in books.posted:
        if not evidence.has_dataset(told["dataset"]):
            continue
        partition = (told["topic"], told["partition"])
        where = f"{told['topic']}, partition {told['partition']}, from {told['first']}"
        check.saw("stretches of offsets with receipts")
        check.saw("records of topics", told["records"])
        length = told["until"] - told["first"]
        check.equal(f"records with a receipt at {where}", length, told["records"])
        stream = books.streams.get(f"{told['dataset']}.kafka")
        goes_on = ((stream or {}).get("next_offsets") or {}).get(told["topic"], {})
        behind = min(told["until"], goes_on.get(told["partition"], 0))
        lacking = _uncovered(told["first"], behind, in_slices[told["dataset"]][partition])
        if lacking is not None:
            what = f"records with a receipt at {where}"
            check.broken(what, "in slices of the stream", f"offset {lacking} is in none")


def _in_slices(evidence: Evidence) -> dict[str, dict[Partition, Stretches]]:
    """The offsets of slices that have records, by dataset and partition, in their order."""
    found: dict[str, dict[Partition, list[tuple[int, int]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in evidence.books.slices:
        for topic, partitions in (row["offsets"] or {}).items():
            for partition, (first, until) in partitions.items():
                if row["records"]:
                    found[row["dataset"]][topic, partition].append((first, until))
    for partitions in found.values():
        for ranges in partitions.values():
            ranges.sort()
    return found


def _uncovered(first: int, until: int, ranges: Stretches) -> int | None:
    """The first offset of a stretch that no range has; None when there is none."""
    at = max(bisect_right(ranges, (first, BEYOND)) - 1, 0)
    while first < until:
        if at == len(ranges) or not ranges[at][0] <= first < ranges[at][1]:
            return first
        first = ranges[at][1]
        at += 1
    return None

"""I15: the offsets of a stream of Kafka go on without a gap, and its records lie in them."""

from __future__ import annotations

from collections import defaultdict

from assay.storage.addresses import as_place
from assay.storage.objects import exists, on_this_machine
from assay.verify.books import Row
from assay.verify.evidence import Evidence
from assay.verify.report import Check
from assay.verify.slice_files import read_places

Partition = tuple[str, str]


def check_offsets(evidence: Evidence, check: Check) -> None:
    """Each slice begins, in each of its partitions, where the one before it ends; the stream goes
    on where the last one ends; and each record of a slice file is within the offsets of its slice,
    once.
    """
    slices: dict[str, list[Row]] = defaultdict(list)
    for taken in evidence.books.slices:
        if taken["offsets"] is not None and evidence.has_dataset(taken["dataset"]):
            slices[taken["stream"]].append(taken)
    if evidence.batch:  # its slices alone tell of no gap
        return
    for stream, own in slices.items():
        with check.reading(f"offsets of {stream}"):
            _check_ranges(evidence, check, stream, own)
        for taken in own:
            with check.reading("slice file", file=taken["source_file"]):
                _check_records(check, taken, _place_of(evidence, taken))


def _check_ranges(evidence: Evidence, check: Check, stream: str, slices: list[Row]) -> None:
    until: dict[Partition, int] = {}
    ordered = sorted(slices, key=lambda row: (row["epoch"], row["micro_batch"], row["slice_id"]))
    for taken in ordered:
        for topic, partitions in taken["offsets"].items():
            for partition, (first, after) in partitions.items():
                expected = until.get((topic, partition), first)
                what = f"first offset of {topic}, partition {partition}"
                check.equal(what, expected, first, file=taken["source_file"])
                until[topic, partition] = after
                check.saw("ranges of offsets")
    goes_on = evidence.books.streams[stream]["next_offsets"] or {}
    for (topic, partition), after in until.items():
        found = goes_on.get(topic, {}).get(partition)
        what = f"{stream} goes on with {topic}, partition {partition}"
        check.equal(what, after, found)


def _place_of(evidence: Evidence, taken: Row) -> str:
    """Where the file lies: where the stream has put it, or where a batch has since."""
    places = [
        row["location"]
        for row in evidence.books.claims.get((taken["dataset"], taken["slice_id"]), [])
        if not row["removed_at"]
    ]
    return str(next((place for place in places if exists(as_place(place))), taken["path"]))


def _check_records(check: Check, taken: Row, place: str) -> None:
    """A file that is gone is told by I10 and I14."""
    if not exists(as_place(place)):
        return
    with on_this_machine(as_place(place)) as path:
        places = read_places(path).to_pylist()
    found = [(row["topic"], str(row["partition"]), row["offset"]) for row in places]
    beyond = [each for each in found if not _is_within(taken, *each)]
    where = {"file": taken["source_file"]}
    check.equal("records beyond the offsets of their slice", 0, len(beyond), **where)
    check.equal("records of a slice at offsets of their own", len(found), len({*found}), **where)
    check.saw("records", len(found))


def _is_within(taken: Row, topic: str, partition: str, offset: int) -> bool:
    first, after = taken["offsets"].get(topic, {}).get(partition, (0, 0))
    return bool(first <= offset < after)

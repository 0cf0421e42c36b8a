"""Which records of a slice are those of a receipt, by the offsets of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.ledger.receipts import Receipt

Offsets = Mapping[str, Mapping[str, Sequence[int]]]  # topic → partition → first, first after it
Numbers = list[tuple[int, int]]  # of records in a slice: first and last


def inside_of(receipt: Receipt, offsets: Offsets) -> list[tuple[str, int, int]]:
    """The ranges of the receipt within those of a slice: partition, first, and first after it."""
    found = []
    for partition, (begin, end) in offsets.get(receipt.topic or "", {}).items():
        for first, until in (receipt.offsets or {}).get(partition, ()):
            if max(first, begin) < min(until, end):
                found.append((partition, max(first, begin), min(until, end)))
    return found


def numbers_of(
    topic: str, inside: Sequence[tuple[str, int, int]], offsets: Offsets, records: int
) -> Numbers | None:
    """The numbers of records in a slice, which has them by topic, partition and offset."""
    begins: dict[tuple[str, str], tuple[int, int]] = {}
    before = 0
    for name in sorted(offsets):
        for partition in sorted(offsets[name], key=int):
            first, until = offsets[name][partition]
            begins[name, partition] = before + 1, first
            before += until - first
    if before != records:  # Kafka has left out offsets, such as the marks of transactions
        return None
    found = []
    for partition, first, until in inside:
        number, begin = begins[topic, partition]
        found.append((number + first - begin, number + until - 1 - begin))
    return found

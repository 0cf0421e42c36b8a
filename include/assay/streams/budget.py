"""How much a micro-batch of files may have: its raw records are in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from assay.batch.slices import Slice

# Rows of one Arrow table, beside a heap of 1 GB; as a rule these are some 50 MB of text.
MOST_RECORDS = 200_000
# Of text: Spark, Arrow and COPY have it at once, each with several times its size.
MOST_BYTES = 64 << 20
# Files are small for what they have in them: gzip and Parquet make text a fifth as a rule.
PACKED, UNPACKED_TIMES = (".gz", ".parquet"), 5


def text_bytes(file: Slice) -> int:
    """About how many bytes the records of a delivered file have in memory."""
    is_packed = PurePosixPath(file.path).suffix.lower() in PACKED
    return file.size_bytes * (UNPACKED_TIMES if is_packed else 1)


def in_parts(
    slices: Iterable[Slice], most: int, records: int, size: int
) -> Iterator[Sequence[Slice]]:
    """The slices in parts of up to `most`, and within these records and bytes, or of one alone."""
    part: list[Slice] = []
    for each in slices:
        if part and (len(part) >= most or not is_within([*part, each], records, size)):
            yield part
            part = []
        part.append(each)
    if part:
        yield part


def is_within(slices: Sequence[Slice], records: int = MOST_RECORDS, size: int = MOST_BYTES) -> bool:
    """Whether one micro-batch may have all of these."""
    return sum(each.records for each in slices) <= records and sum(map(text_bytes, slices)) <= size

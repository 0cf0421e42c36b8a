"""The atom of input is the slice: counted once, and claimed by at most one live batch.

A row is named by dataset, slice_id and record number. A new kind is a class here, in `Slice` and in
`SLICES`, and a word in the checks of `ops.batch_slice` and `ops.stream_slice`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from assay.words import count

SliceKind = Literal["file", "stream"]
LISTED = 10


@dataclass(frozen=True)
class _Facts:
    """What is known of a slice of any kind.

    `records` is the count by Python, independent of Spark; `path` the file that holds them and
    `source_file` the name that people know it by; `header` the names of its columns; `format` how
    it is read; `slice_date` the day it belongs to.
    """

    dataset: str
    format: str
    slice_id: str
    path: str
    source_file: str
    records: int
    size_bytes: int
    header: list[str]
    slice_date: str = ""


@dataclass(frozen=True)
class FileSlice(_Facts):
    """One accepted file; `slice_id` is the sha256 of its bytes, for a path is never an identity.

    `source_file` is the name it was delivered under, and `header` the column names as delivered.
    """

    kind: ClassVar[SliceKind] = "file"

    @property
    def sha256(self) -> str:
        return self.slice_id

    @property
    def short_id(self) -> str:
        """As much of the slice_id as people need."""
        return self.slice_id[:12]


@dataclass(frozen=True)
class StreamSlice(_Facts):
    """The records of one micro-batch of a stream, in the slice file that the stream has written.

    `slice_id` is `<stream>/<epoch>-<micro-batch>`, and `sha256` that of the bytes of the file. The
    format is `kafka_json` or `kafka_csv`, of which `header` are the columns that the values have.
    """

    sha256: str = field(kw_only=True)
    kind: ClassVar[SliceKind] = "stream"

    @property
    def short_id(self) -> str:
        """All of the slice_id, whose end tells it from the others."""
        return self.slice_id


Slice = FileSlice | StreamSlice
SLICES: Mapping[SliceKind, type[Slice]] = {"file": FileSlice, "stream": StreamSlice}
NOUNS: Mapping[SliceKind, str] = {"file": "file", "stream": "slice"}


def slice_as_facts(taken: Slice) -> dict[str, object]:
    """A slice for JSON."""
    return {"kind": taken.kind, **dataclasses.asdict(taken)}


def slice_from_facts(facts: Mapping[str, Any]) -> Slice:
    """The slice that `slice_as_facts` told."""
    told = {**facts}
    return SLICES[told.pop("kind")](**told)


def slice_named(slices: Sequence[Slice], name: str) -> tuple[Slice | None, str]:
    """The slice with this name, or whose slice_id begins with it; None unless it is one.

    Beside it the slices that there are, for people.
    """
    named = [each for each in slices if each.source_file == name]
    found = named or [each for each in slices if name and each.slice_id.startswith(name)]
    known = [f"{each.short_id} {each.source_file!r}" for each in slices[:LISTED]]
    known += [f"{len(slices) - LISTED:,} more"] if len(slices) > LISTED else []
    return found[0] if len(found) == 1 else None, ", ".join(known) or "none"


def count_slices(kinds: Sequence[SliceKind]) -> str:
    """So many slices of these kinds, such as `3 files, 2 slices`; `0 files` for none."""
    told = [count(kinds.count(kind), noun) for kind, noun in NOUNS.items() if kind in kinds]
    return ", ".join(told) or count(0, "file")

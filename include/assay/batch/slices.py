"""The atom of input is the slice: counted once, and claimed by at most one live batch.

A row is named by dataset, slice_id and record number. A new kind is a class here, in `Slice` and in
`SLICES`, and a word in the checks of `ops.batch_slice`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

SliceKind = Literal["file"]


@dataclass(frozen=True)
class FileSlice:
    """One accepted file; `slice_id` is the sha256 of its bytes, for a path is never an identity.

    `records` is the count by the Python reader, independent of Spark; `header` the column names
    as delivered; `source_file` the name it was delivered under; `format` how it is read;
    `slice_date` the day it belongs to.
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
    kind: ClassVar[SliceKind] = "file"


Slice = FileSlice
SLICES: Mapping[SliceKind, type[Slice]] = {"file": FileSlice}


def slice_as_facts(taken: Slice) -> dict[str, object]:
    """A slice for JSON."""
    return {"kind": taken.kind, **dataclasses.asdict(taken)}


def slice_from_facts(facts: Mapping[str, Any]) -> Slice:
    """The slice that `slice_as_facts` told."""
    told = {**facts}
    return SLICES[told.pop("kind")](**told)

"""List files: accepted files on their way to the query of a stream.

A list is a file of JSON lines, one for each slice. It is written under a hidden name before its
files are moved to `accepted`, and shown by a rename after that; so whatever is in `accepted` and
not in the books is in a list. It goes when the books have all of it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.batch.slices import Slice, slice_as_facts, slice_from_facts
from assay.storage.addresses import as_place
from assay.storage.files import sync_folder
from assay.storage.objects import exists

MOST_SLICES, MOST_RECORDS = 100, 5_000  # of one list
HIDDEN = "."
OLD_SECONDS = 600.0


@dataclass(frozen=True)
class Lists:
    """The list files of one stream, in a folder that nothing else writes to."""

    folder: Path

    def prepare(self, name: str, slices: Sequence[Slice]) -> list[Path]:
        """Write lists that the query does not see yet; they survive a power loss."""
        self.folder.mkdir(parents=True, exist_ok=True)
        hidden = []
        for number, part in enumerate(_in_parts(slices)):
            path = self.folder / f"{HIDDEN}{name}-{number:03d}.list"
            with path.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(slice_as_facts(each)) + "\n" for each in part)
                file.flush()
                os.fsync(file.fileno())
            hidden.append(path)
        if hidden:
            sync_folder(self.folder)
        return hidden

    def show(self, hidden: Iterable[Path]) -> None:
        """Let the query see them."""
        shown = [path.rename(path.with_name(path.name.removeprefix(HIDDEN))) for path in hidden]
        if shown:
            sync_folder(self.folder)

    def show_moved(self, hidden: Iterable[Path]) -> list[Slice]:
        """Show in new lists what of these was moved; returns that."""
        shown: list[Slice] = []
        for path in hidden:
            moved = [each for each in read_list(path) if exists(as_place(each.path))]
            self.show(self.prepare(f"{path.stem.removeprefix(HIDDEN)}-moved", moved))
            path.unlink()
            shown += moved
        return shown

    def complete(self, epoch: int) -> None:
        """Show what earlier epochs have prepared, and moved before they were cut off.

        What such an epoch had not moved is not in `accepted`, so it is accepted anew. Its list
        stays for a while, since it may still be at it.
        """
        for path in sorted(self.folder.glob(f"{HIDDEN}*.list")):
            if int(path.name.removeprefix(HIDDEN).partition("-")[0]) >= epoch:
                continue
            moved = [each for each in read_list(path) if exists(as_place(each.path))]
            name = f"{epoch:09d}-again-{path.stem.removeprefix(HIDDEN)}"
            self.show(self.prepare(name, moved))
            if time.time() - path.stat().st_mtime > OLD_SECONDS:
                path.unlink(missing_ok=True)

    def waiting(self) -> int:
        """How many lists the query has before it."""
        if not self.folder.is_dir():
            return 0
        return sum(not entry.name.startswith(HIDDEN) for entry in os.scandir(self.folder))

    def oldest(self, most: int) -> list[Path]:
        """The lists that the query has before it, at most so many, in the order of their making."""
        return sorted(self.folder.glob(f"[!{HIDDEN}]*.list"))[:most]

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove lists of which the books have all."""
        for path in paths:
            path.unlink(missing_ok=True)

    def slices(self) -> int:
        """How many slices the query has before it."""
        return sum(len(read_list(path)) for path in self.folder.glob(f"[!{HIDDEN}]*.list"))


def read_list(path: Path) -> list[Slice]:
    """The slices of a list; none of one that is gone, and no more than were written whole."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [slice_from_facts(json.loads(line)) for line in lines if line.endswith("\n")]


def _in_parts(slices: Sequence[Slice]) -> Iterator[list[Slice]]:
    """The slices in lists of no more than so many slices, and about so many records."""
    part: list[Slice] = []
    records = 0
    for each in slices:
        if part and (len(part) >= MOST_SLICES or records + each.records > MOST_RECORDS):
            yield part
            part, records = [], 0
        part.append(each)
        records += each.records
    if part:
        yield part

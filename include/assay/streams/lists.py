"""List files: accepted files on their way to the query of a stream.

A list is a file of JSON lines, one for each slice. It is written under a hidden name before its
files are moved to `accepted`, and shown by a rename after that; so whatever is in `accepted` and
not in the books is in a list. It goes when the books have all of it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.batch.slices import Slice, slice_as_facts, slice_from_facts
from assay.storage.addresses import as_place
from assay.storage.files import sync_folder
from assay.storage.objects import exists
from assay.streams.budget import in_parts, is_within

# Of one list: what is shown within a second. A file that has more is a list of its own.
MOST_SLICES, MOST_RECORDS, MOST_BYTES = 100, 5_000, 8 << 20
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
        parts = in_parts(slices, MOST_SLICES, MOST_RECORDS, MOST_BYTES)
        for number, part in enumerate(parts):
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

    def left(self, epoch: int) -> list[Slice]:
        """What earlier epochs have prepared, and moved, and not shown before they were cut off.

        What such an epoch had not moved is not in `accepted`, so it is accepted anew. Its list
        stays for a while, since it may still be at it; so this tells of what it has again and
        again, be it in the books by now or not.
        """
        moved: list[Slice] = []
        for path in sorted(self.folder.glob(f"{HIDDEN}*.list")):
            if int(path.name.removeprefix(HIDDEN).partition("-")[0]) < epoch:
                moved += [each for each in read_list(path) if exists(as_place(each.path))]
                if time.time() - path.stat().st_mtime > OLD_SECONDS:
                    path.unlink(missing_ok=True)
        return moved

    def waiting(self) -> int:
        """How many lists the query has before it."""
        if not self.folder.is_dir():
            return 0
        return sum(not entry.name.startswith(HIDDEN) for entry in os.scandir(self.folder))

    def oldest(self, most: int) -> list[Path]:
        """The lists that the query has before it, at most so many, in the order of their making."""
        return sorted(self.folder.glob(f"[!{HIDDEN}]*.list"))[:most]

    def next(self, most: int) -> dict[Path, list[Slice]]:
        """The oldest lists with their slices: at most so many, and as one micro-batch may have.

        That is one at least, however much it has.
        """
        found: dict[Path, list[Slice]] = {}
        for path in self.oldest(most):
            slices = read_list(path)
            if found and not is_within([*(s for part in found.values() for s in part), *slices]):
                break
            found[path] = slices
        return found

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

"""Files at rest: one that somebody still writes stays in landing, whatever its name says.

A rename does not stop a writer that holds the file open. So a file is taken only when it is older
than the contract's `settle_seconds`, is the same at two looks, and no process has it open for
writing, where the system can tell. Objects are whole by nature.
"""

from __future__ import annotations

import fcntl
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from assay.batch.slices import Slice
from assay.contracts.load import load_contract
from assay.errors import BatchError, FileRejectedError
from assay.events.event import FileLeft, Progress
from assay.events.sinks import emit
from assay.intake.survey import hash_file, open_regular
from assay.settings import Settings
from assay.storage.addresses import Place, as_place
from assay.storage.file_system import SHARED, file_system

LONGEST_WAIT = 10.0  # seconds; what needs longer is for the next run
MOST_TOLD = 10


@dataclass(frozen=True)
class Look:
    """What changes when a file is written to, or replaced by another of its name."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int = field(compare=False)  # a rename or a link changes it, too

    def since_change(self) -> float | None:
        """Seconds since the content changed; None when both clocks of the file are ahead.

        The sender may set the first of them, to whatever its own clock says; the second is ours.
        """
        now = time.time()
        ages = (now - moment / 1e9 for moment in (self.modified_ns, self.changed_ns))
        return next((age for age in ages if age >= 0), None)


def look_at(place: Place) -> Look | None:
    """A look at a file that may be gone; None for an object, which cannot change."""
    if not isinstance(place, Path):
        return None
    try:
        facts = place.lstat()
    except FileNotFoundError:
        return None
    return Look(facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def keep_resting(settings: Settings, pending: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Those of the pending files (dataset → names) that are at rest; tells which are not.

    Waits, when the youngest of them need it, once and for at most LONGEST_WAIT.
    """
    places = {
        (dataset, name): settings.landing / dataset / name
        for dataset, names in pending.items()
        for name in names
    }
    before = {file: look for file, place in places.items() if (look := look_at(place))}
    missing = {file: _still_to_wait(look, file[0]) for file, look in before.items()}
    time.sleep(max((wait for wait in missing.values() if wait <= LONGEST_WAIT), default=0))
    moving = {
        file: why
        for file, look in before.items()
        if (why := _why_moving(places[file], look, missing[file]))
    }
    for (dataset, name), why in [*moving.items()][:MOST_TOLD]:
        emit(FileLeft(dataset, name, why))
    if len(moving) > MOST_TOLD:
        emit(Progress(f"left {len(moving) - MOST_TOLD:,} more likewise"))
    return {d: [name for name in names if (d, name) not in moving] for d, names in pending.items()}


def is_at_rest(place: Place, settle_seconds: float) -> bool:
    """Whether a file may be taken this moment; nothing is waited for.

    Of one whose clocks are both ahead, two looks have to do: it must not wait for ever.
    """
    before = look_at(place)
    if before is None:
        return not isinstance(place, Path)
    age = before.since_change()
    if age is not None and age < settle_seconds:
        return False
    return look_at(place) == before and not is_open_for_writing(place)


def _still_to_wait(look: Look, dataset: str) -> float:
    source = load_contract("bronze", dataset).source
    settle_seconds = source.settle_seconds if source else 0
    age = look.since_change()
    # Two looks have to do where no clock can be believed: a file must not wait for ever.
    return min(settle_seconds, LONGEST_WAIT) if age is None else max(0.0, settle_seconds - age)


def _why_moving(place: Place, before: Look, missing: float) -> str:
    if missing > LONGEST_WAIT:
        return "it changed a moment ago"
    now = look_at(place)
    if now and now != before:
        return f"it changed from {before.size:,} to {now.size:,} bytes while it was looked at"
    return "a process has it open for writing" if is_open_for_writing(place) else ""


def is_open_for_writing(place: Place) -> bool:
    """Whether the kernel knows of a writer; False as well where it does not tell.

    A read lease is refused while any process, in whatever container, has the file open, or mapped,
    for writing. The kernel gives one on files of our own (to root on all); a file system that is
    shared with other hosts refuses it for reasons of its own.
    """
    if not isinstance(place, Path) or not _tells_of_writers(place.parent):
        return False
    try:
        with open_regular(place) as file:
            # Whoever opens the file meanwhile has us told, by default with a signal that kills.
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except (OSError, FileRejectedError):
        return False
    return False


@cache
def _tells_of_writers(folder: Path) -> bool:
    return hasattr(fcntl, "F_SETLEASE") and not SHARED.fullmatch(file_system(folder))


def require_unchanged(files: Sequence[Slice], batch_id: str, *, every_byte: bool) -> None:
    """Raise BatchError when an accepted file is not what was counted, by size or by every byte.

    The net below all of this: where the kernel tells of no writer, one may rest for longer than
    `settle_seconds`, and go on. A file that is in the archive by now is left out.
    """
    for file in files:
        place = as_place(file.path)
        now = look_at(place)
        if now is None or not isinstance(place, Path):
            continue
        if now.size != file.size_bytes or (every_byte and hash_file(place)[0] != file.sha256):
            raise BatchError(
                f"{file.source_file!r} was written to after it was counted, at {file.size_bytes:,}"
                f" bytes, and has {now.size:,} now; run `assay batch abandon {batch_id} --why '…'`,"
                " which gives it back to landing: the next run takes it when it is whole"
            )

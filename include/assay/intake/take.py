"""Landing: which files are pending, and how a batch takes them.

A file is taken by a rename, and looked at only then: nobody can change it under its old name. An
object is copied, compared and removed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from assay.intake.filenames import file_date, fit_name, is_final, is_patch, writable_name
from assay.intake.moves import is_copy, link_file, move_file, sync_folders
from assay.settings import Settings
from assay.storage.addresses import ObjectPath, Place
from assay.storage.objects import exists, remove, stored_below


@dataclass(frozen=True)
class Folders:
    """Where the files of a batch go; those of a dry run stay below its own folder."""

    taking: Place
    accepted: Place
    rejected: Place
    duplicates: Place
    dry_run: bool


@dataclass(frozen=True)
class TakenFile:
    """A file that a batch has taken; `name` is its path below the landing folder of the dataset.

    `slice_date` is the day that it belongs to.
    """

    dataset: str
    name: str
    path: Place
    slice_date: str

    @property
    def source_file(self) -> str:
        return writable_name(self.name)


def batch_folders(settings: Settings, batch_id: str, *, dry_run: bool) -> Folders:
    """The folders of a batch."""
    if dry_run:
        scratch = settings.batches / batch_id / "scratch"
        return Folders(
            taking=scratch / "taking",
            accepted=scratch / "accepted",
            rejected=scratch / "rejected",
            duplicates=scratch / "duplicates",
            dry_run=True,
        )
    return Folders(
        taking=settings.accepted / "taking" / batch_id,
        accepted=settings.accepted,
        rejected=settings.rejected,
        duplicates=settings.archive / "duplicates",
        dry_run=False,
    )


def pending_files(
    settings: Settings, dataset: str, glob: str, day: str | None, *, patches: bool = False
) -> list[str]:
    """Complete files in landing that match, by name; with a day, only the files of that day.

    Patches of quarantined rows are taken alone, never with other files.
    """
    root = settings.landing / dataset
    return sorted(
        name
        for name, mtime in _list_files(root, "")
        if is_asked_for(name, mtime, glob, day, patches=patches)
    )


def landing_names(settings: Settings, dataset: str) -> Iterator[str]:
    """Complete files in landing but patches, in no order; looks no further than it is asked to."""
    for name, _ in _list_files(settings.landing / dataset, ""):
        if not is_patch(name):
            yield name


def is_asked_for(name: str, mtime: float, glob: str, day: str | None, *, patches: bool) -> bool:
    """Whether a run with this glob and day takes a file of this name; see `pending_files`."""
    return (
        fnmatchcase(name, glob)
        and is_patch(name) == patches
        and (day is None or file_date(Path(name).name, mtime) == day)
    )


def _list_files(root: Place, folder: str) -> Iterator[tuple[str, float]]:
    if isinstance(root, ObjectPath):
        for name, facts in stored_below(root).items():
            if all(is_final(part) for part in name.split("/")):
                yield name, facts.changed
        return
    try:
        entries = list(os.scandir(root / folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if not is_final(entry.name):
            continue
        name = f"{folder}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _list_files(root, f"{name}/")
        else:
            with suppress(FileNotFoundError):  # a stream has taken it meanwhile
                yield name, entry.stat(follow_symlinks=False).st_mtime


def take_files(settings: Settings, dataset: str, names: list[str], folders: Folders) -> None:
    """Move pending files into the batch's own folder; a dry run links them instead.

    A name that the batch has taken before, in an attempt that was cut off, stays in landing: it
    is another delivery, for another batch.
    """
    take = link_file if folders.dry_run else move_file
    targets = []
    for name in names:
        source, target = settings.landing / dataset / name, folders.taking / dataset / name
        if not exists(target) or is_copy(source, target):
            take(source, target)
            targets.append(target)
    sync_folders([*targets, *(settings.landing / dataset / name for name in names)])


def taken_files(folders: Folders, datasets: list[str]) -> list[TakenFile]:
    """Every file that the batch has taken and not yet moved on, by dataset and name."""
    return [
        TakenFile(dataset, name, folders.taking / dataset / name, file_date(Path(name).name, mtime))
        for dataset in datasets
        for name, mtime in sorted(_list_files(folders.taking / dataset, ""))
    ]


def give_back(settings: Settings, taken: TakenFile, folders: Folders) -> bool:
    """Put a taken file back into landing; of a dry run, which has linked it, only the link goes."""
    if folders.dry_run:
        remove(taken.path)
        return True
    place = place_in_landing(settings, taken.dataset, taken.name, taken.path)
    moved = move_file(taken.path, place)
    sync_folders([taken.path, place])
    return moved


def place_in_landing(settings: Settings, dataset: str, name: str, source: Place) -> Place:
    """Where a file goes back to: its own name, or one beside it when that is in use."""
    wanted = settings.landing / dataset / name
    place, number = wanted, 1
    while exists(place) and not is_copy(source, place):
        number += 1
        ending = "".join(wanted.suffixes)
        stem = wanted.name.removesuffix(ending)
        place = wanted.with_name(fit_name(stem, f".returned-{number}{ending}"))
    return place


def clear_scratch(folders: Folders) -> None:
    """Remove what an earlier attempt of a dry run has left."""
    if folders.dry_run:
        shutil.rmtree(Path(folders.taking).parent, ignore_errors=True)


def remove_taking(folders: Folders) -> None:
    """Remove the empty folders that the taken files leave behind."""
    if isinstance(folders.taking, ObjectPath):
        return
    for folder, _, _ in os.walk(folders.taking, topdown=False):
        with suppress(OSError):
            Path(folder).rmdir()

"""Moving files so that a crash, a full disk or a second attempt loses none of them.

Objects cannot be renamed: they are copied, the copy is compared, and then the original removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.errors import BatchError
from assay.intake.survey import hash_file
from assay.settings import Settings
from assay.storage.addresses import ObjectPath, Place
from assay.storage.files import sync_folder
from assay.storage.objects import copy, on_this_machine, put, remove, stored

LOCK_SECONDS = 60.0


def move_file(source: Place, target: Place) -> bool:
    """Rename a file, or say that it is no longer there. Raises BatchError when it cannot move."""
    if isinstance(target, ObjectPath):
        return _move_to_object(source, target)
    source = Path(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    except FileNotFoundError:
        if os.path.lexists(source):
            raise
        return False
    except OSError as error:
        raise _move_error(source, target, error) from error
    return True


def _move_to_object(source: Place, target: ObjectPath) -> bool:
    if isinstance(source, Path):
        put(target, source)
        source.unlink()
        return True
    before = stored(source)
    if before is None:
        return False
    if not is_copy(source, target):
        copy(source, target)
    after = stored(source)
    if after and (after != before or not is_copy(source, target)):
        remove(target)
        raise BatchError(
            f"{source} was overwritten while it was taken; let its sender finish, and clear this"
            " task; nothing is lost"
        )
    remove(source)
    return True


def is_copy(source: Place, target: Place) -> bool:
    """Whether an object was copied there, and only its removal is still to come."""
    if not (isinstance(source, ObjectPath) and isinstance(target, ObjectPath)):
        return False
    one, other = stored(source), stored(target)
    if one is None or other is None or one.size != other.size:
        return False
    return one.tag == other.tag or _content(source) == _content(target)


def _content(place: ObjectPath) -> tuple[str, int]:
    with on_this_machine(place) as path:
        return hash_file(path)


def link_file(source: Place, target: Place) -> bool:
    """Give a file a second name, or copy it; a link stays a link. False when it is gone."""
    if isinstance(source, ObjectPath):
        return _copy_object(source, target)
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target, follow_symlinks=False)
        except PermissionError:
            shutil.copy2(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copy2(source, target, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _move_error(source, target, error) from error
    return True


def _copy_object(source: ObjectPath, target: Place) -> bool:
    if stored(source) is None:
        return False
    if isinstance(target, ObjectPath):
        copy(source, target)
        return True
    target.parent.mkdir(parents=True, exist_ok=True)
    with on_this_machine(source) as path:
        shutil.copyfile(path, target)
    return True


def sync_file(path: Place) -> None:
    """Make the content of a file, which another process wrote, survive a power loss."""
    if isinstance(path, ObjectPath):
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folders(paths: Iterable[Place]) -> None:
    """Make the renames of these files survive a power loss."""
    folders = {path.parent for path in paths if isinstance(path, Path)}
    for folder in folders | {folder.parent for folder in folders}:
        if folder.is_dir():
            sync_folder(folder)


@contextmanager
def hold_files(settings: Settings, pipeline: str) -> Iterator[None]:
    """Let one process at a time move the files of a pipeline.

    Raises BatchError when another one does not end in time.
    """
    settings.locks.mkdir(parents=True, exist_ok=True)
    path = settings.locks / f"files_{pipeline}.lock"
    with path.open("a+") as lock:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _try_lock(lock.fileno()):
            if time.monotonic() > deadline:
                raise BatchError(
                    f"{path}: another process has moved files of {pipeline} for more than"
                    f" {LOCK_SECONDS:.0f} s; let it end, or end it, and clear this task"
                )
            time.sleep(0.1)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _move_error(source: Path, target: Path, error: OSError) -> BatchError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "the disk is full: free some space"
    elif error.errno == errno.EXDEV:
        remedy = "they are on two file systems: put landing and accepted on one"
    else:
        remedy = f"{error.strerror}: set it right"
    return BatchError(
        f"cannot move {str(source)!r} to {str(target)!r}; {remedy} and clear accept_files;"
        " nothing is lost"
    )

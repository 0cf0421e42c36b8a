"""Reads, writes, lists and removes files, on S3 or on this machine.

Endpoint and keys come from the environment, under the names that Spark and delta-rs read as well.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from assay.errors import ObjectStoreError
from assay.storage.addresses import ObjectPath, Place

if TYPE_CHECKING:
    from obstore import ObjectMeta

NAMED_BY = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")
RETRY_TIME = timedelta(seconds=30)


def sizes_below(folder: Place) -> dict[str, int]:
    """Every file or object below, by its name from there, with its size in bytes."""
    if isinstance(folder, Path):
        found = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}
    return {name: facts.size for name, facts in stored_below(folder).items()}


def folders_in(folder: Place) -> list[str]:
    """The names of the folders that are directly in this one, sorted; none when it is not there."""
    if isinstance(folder, Path):
        return sorted(path.name for path in folder.glob("*/"))
    with _asking(folder) as store:
        found = obstore.list_with_delimiter(store, prefix=folder.key or None)
    return sorted(PurePosixPath(prefix).name for prefix in found["common_prefixes"])


def read_bytes(place: Place) -> bytes:
    """All of a file or object. Raises FileNotFoundError when it is not there."""
    if isinstance(place, Path):
        return place.read_bytes()
    with _asking(place) as store:
        return bytes(obstore.get(store, place.key).bytes())


def create(place: ObjectPath, content: bytes) -> bool:
    """Put an object unless there is one of this name; one request, which the server decides."""
    try:
        with _asking(place) as store:
            obstore.put(store, place.key, content, mode="create")
    except AlreadyExistsError:
        return False
    except FileNotFoundError as error:
        raise _refusal(place, error) from None
    return True


@dataclass(frozen=True)
class Stored:
    """An object as the server knows it; `tag` is that of its bytes, unless the server says else."""

    size: int
    tag: str
    changed: float


def stored(place: ObjectPath) -> Stored | None:
    """What is at an address; None when nothing is."""
    try:
        with _asking(place) as store:
            return _as_stored(obstore.head(store, place.key))
    except FileNotFoundError:
        return None


def stored_below(folder: ObjectPath) -> dict[str, Stored]:
    """Every object below, by its name from there."""
    prefix = f"{folder.key}/" if folder.key else ""
    with _asking(folder) as store:
        listed = obstore.list(store, prefix=prefix or None)
        found = {meta["path"]: _as_stored(meta) for part in listed for meta in part}
    return {
        path.removeprefix(prefix): facts for path, facts in found.items() if path.startswith(prefix)
    }


def _as_stored(meta: ObjectMeta) -> Stored:
    return Stored(meta["size"], meta["e_tag"] or "", meta["last_modified"].timestamp())


def put(place: ObjectPath, content: bytes | Path) -> None:
    """Make an object, whole or not at all; it replaces one of the same name."""
    with _asking(place) as store:
        obstore.put(store, place.key, content)


def copy(source: ObjectPath, target: ObjectPath) -> None:
    """Copy an object within its bucket, by the server. Raises FileNotFoundError when it is gone."""
    with _asking(source) as store:
        obstore.copy(store, source.key, target.key)


def remove(place: Place) -> None:
    """Remove a file or object, if it is there."""
    if isinstance(place, Path):
        place.unlink(missing_ok=True)
        return
    with suppress(FileNotFoundError), _asking(place) as store:
        obstore.delete(store, place.key)


def exists(place: Place) -> bool:
    """Whether there is a file, a link or an object."""
    return os.path.lexists(place) if isinstance(place, Path) else stored(place) is not None


@contextmanager
def on_this_machine(place: Place) -> Iterator[Path]:
    """The file, or a copy of the object under its own name for as long as the context lasts."""
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="assay-object-") as folder:
        path = Path(folder) / place.name
        with _asking(place) as store, path.open("wb") as file:
            for part in obstore.get(store, place.key).stream():
                file.write(part)
        yield path


@contextmanager
def _asking(place: ObjectPath) -> Iterator[S3Store]:
    """The store of the bucket; what it refuses is raised as ours."""
    try:
        yield _store(place.bucket, *(os.environ.get(name) for name in NAMED_BY))
    except AlreadyExistsError:
        raise
    except BaseError as error:
        raise _refusal(place, error) from None


def _refusal(place: ObjectPath, error: Exception) -> ObjectStoreError:
    told = " ".join(str(error).split())[:300]
    return ObjectStoreError(
        f"{place}: {told}; check the bucket, AWS_ENDPOINT_URL, AWS_REGION and the keys"
    )


@cache
def _store(bucket: str, *_: str | None) -> S3Store:
    """The client of a bucket; it takes the rest from the environment itself."""
    return S3Store(bucket, retry_config={"max_retries": 5, "retry_timeout": RETRY_TIME})

"""Handing files over to landing: spooled and synced first, then there under their own name, whole.

A spooled file is not yet a delivery. Whether it becomes one, the books decide: it does when there
are receipts for it, else it goes. So whoever is killed between two steps leaves nothing unclear.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assay.settings import Settings
from assay.storage.addresses import ObjectPath
from assay.storage.files import sync_folder
from assay.storage.objects import put

UNFINISHED, SPOOLED = ".gateway-", ".spooled"  # no batch takes a name that begins so
LEVEL = 1
HEAD = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff"  # gzip, with a name, of no time and no system


@dataclass(frozen=True)
class Spooled:
    """A file that is safe on disk, and not yet in landing; `digest` is its SHA-256."""

    dataset: str
    name: str
    path: Path
    digest: str


class Deliverer(Protocol):
    """Where the files of the gateway go."""

    def spool(self, dataset: str, name: str, content: bytes) -> Spooled:
        """Write a file so that a power loss cannot take it. Raises OSError."""
        ...

    def hand_over(self, files: Iterable[Spooled]) -> None:
        """Have the files in landing, for good; one that is there already is as it should be.

        Raises OSError and ObjectStoreError; then it can be asked again.
        """
        ...

    def left_behind(self) -> Iterator[Spooled]:
        """Files that were spooled, by whomever, and neither handed over nor dropped."""
        ...


def packed(name: str, content: bytes) -> bytes:
    """The content in gzip, with the name in its head: two files are never of the same bytes."""
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(content) + deflate.flush()
    end = struct.pack("<LL", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return HEAD + name.encode("latin-1", "replace") + b"\0" + body + end


def drop(file: Spooled) -> None:
    """Remove a spooled file that nobody was answered for."""
    file.path.unlink(missing_ok=True)


class LandingFolders:
    """Landing on this machine: spooled beside the files, handed over by a rename."""

    def __init__(self, landing: Path) -> None:
        self.landing = landing

    def spool(self, dataset: str, name: str, content: bytes) -> Spooled:
        return _write(self.landing / dataset, dataset, name, content)

    def hand_over(self, files: Iterable[Spooled]) -> None:
        folders = set()
        for file in files:
            target = file.path.with_name(file.name)
            if file.path.exists():
                file.path.rename(target)
            folders.add(target.parent)
        for folder in folders:
            sync_folder(folder)

    def left_behind(self) -> Iterator[Spooled]:
        return _spooled_below(self.landing)


class LandingObjects:
    """Landing on S3: spooled in the home, handed over by one request, which is whole or nothing.

    When it is cut off the object may be there already, and a batch may have taken it. Put again it
    is of the same bytes, which acceptance takes for what they are: a duplicate.
    """

    def __init__(self, landing: ObjectPath, spool: Path) -> None:
        self.landing, self.folder = landing, spool

    def spool(self, dataset: str, name: str, content: bytes) -> Spooled:
        return _write(self.folder / dataset, dataset, name, content)

    def hand_over(self, files: Iterable[Spooled]) -> None:
        for file in files:
            if file.path.exists():
                put(self.landing / file.dataset / file.name, file.path)
                drop(file)

    def left_behind(self) -> Iterator[Spooled]:
        return _spooled_below(self.folder)


def deliverer_for(settings: Settings) -> Deliverer:
    """What hands over to the landing of these settings."""
    landing = settings.landing
    if isinstance(landing, Path):
        return LandingFolders(landing)
    return LandingObjects(landing, settings.home / "gateway" / "spool")


def _write(folder: Path, dataset: str, name: str, content: bytes) -> Spooled:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{UNFINISHED}{name}{SPOOLED}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)  # receipts that outlive a power loss need a file that does
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Spooled(dataset, name, path, hashlib.sha256(content).hexdigest())


def _spooled_below(root: Path) -> Iterator[Spooled]:
    for path in sorted(root.glob(f"*/{UNFINISHED}*{SPOOLED}")):
        name = path.name.removeprefix(UNFINISHED).removesuffix(SPOOLED)
        yield Spooled(path.parent.name, name, path, "")

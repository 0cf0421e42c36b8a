"""Objects on S3: addresses with the ways of a path, and what is done with the objects there.

Endpoint and keys come from the environment, under the names that Spark and delta-rs read as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path, PurePosixPath

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from assay.errors import ObjectStoreError, SettingsError

SCHEME = "s3a://"
NAMED_BY = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")
RETRY_TIME = timedelta(seconds=30)
ADDRESS = re.compile(r"s3a://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.=+-]+)*/?", re.ASCII)


class ObjectPath(PurePosixPath):
    """An address such as s3a://bucket/prefix/name."""

    __slots__ = ()

    def __str__(self) -> str:
        return super().__str__().replace("s3a:/", SCHEME, 1)

    @property
    def bucket(self) -> str:
        return self.parts[1]

    @property
    def key(self) -> str:
        """The name of the object in its bucket."""
        return "/".join(self.parts[2:])


Place = Path | ObjectPath


def read_address(environ: Mapping[str, str], name: str) -> ObjectPath | None:
    """The address that a variable holds, if it is set. Raises SettingsError for anything else."""
    text = environ.get(name)
    if not text:
        return None
    if not ADDRESS.fullmatch(text):
        raise SettingsError(f"{name}={text!r} is not an address such as s3a://bucket/prefix")
    endpoint = environ.get("AWS_ENDPOINT_URL", "")
    if endpoint.startswith("http://") and environ.get("AWS_ALLOW_HTTP") != "true":
        raise SettingsError(
            f"AWS_ENDPOINT_URL={endpoint!r} is not encrypted; use https, or set AWS_ALLOW_HTTP=true"
            " where nobody can listen"
        )
    return ObjectPath(text)


def as_place(text: str) -> Place:
    """A path on this machine, or an address on S3."""
    return ObjectPath(text) if text.startswith(SCHEME) else Path(text)


def sizes_below(folder: Place) -> dict[str, int]:
    """Every file or object below, by its name from there, with its size in bytes."""
    if isinstance(folder, Path):
        found = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}
    prefix = f"{folder.key}/" if folder.key else ""
    with _asking(folder) as store:
        listed = obstore.list(store, prefix=prefix or None)
        return {meta["path"].removeprefix(prefix): meta["size"] for part in listed for meta in part}


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

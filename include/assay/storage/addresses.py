"""Addresses on S3, with the ways of a path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from assay.errors import SettingsError

SCHEME = "s3a://"
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

"""What a person has said beforehand, and so is not looked for in the files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Given:
    """The flags of `assay dataset new` that decide; None and empty leave it to the files."""

    keys: tuple[str, ...] = ()
    event_time: str = ""
    hash_key: str = ""
    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    header: bool | None = None
    decimal: str | None = None
    thousands: str | None = None
    date_formats: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ()
    owner: str = ""

"""What a person has said beforehand, and so is not looked for in the files."""

from __future__ import annotations

from dataclasses import dataclass

from assay.contracts.dialect import Decimal, Encoding, Thousands


@dataclass(frozen=True)
class Given:
    """The flags of `assay dataset new` that decide; None and empty leave it to the files."""

    keys: tuple[str, ...] = ()
    event_time: str = ""
    hash_key: str = ""
    delimiter: str | None = None
    quote: str | None = None
    encoding: Encoding | None = None
    header: bool | None = None
    decimal: Decimal | None = None
    thousands: Thousands | None = None
    date_formats: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ()
    owner: str = ""

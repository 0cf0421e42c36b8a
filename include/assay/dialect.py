"""How the files of a feed are written: the dialect of its CSV, and the forms of its texts.

Facts alone: acceptance, Spark and auditor each read by them in their own way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ISO = "iso"
DATE_PARTS = ("yyyy", "MM", "M", "dd", "d", "HH", "H", "mm", "ss")


@dataclass(frozen=True)
class Dialect:
    """How records and fields stand in a CSV file.

    Without a `header` the fields of a record are the columns of the contract, in its order. Files
    in utf-8 and utf-8-sig are read alike, with a byte-order mark or without; what is written for a
    feed in utf-8-sig begins with one.
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    header: bool = True


@dataclass(frozen=True)
class TextForms:
    """How the texts of a feed spell values; a text in any other form says none.

    `date_formats` are those of dates and times; `iso` stands for ISO 8601 with its variants.
    Without `true_values` and `false_values` a boolean has its usual spellings.
    """

    decimal: str = "."
    thousands: str = ""
    date_formats: tuple[str, ...] = (ISO,)
    null_values: tuple[str, ...] = ()
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()


def date_parts(form: str) -> list[str]:
    """A date format as parts of a date and the characters between them."""
    return re.findall("yyyy|MM?|dd?|HH?|mm|ss|.", form, re.DOTALL)

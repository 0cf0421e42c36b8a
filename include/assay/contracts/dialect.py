"""How the files of a feed are written: the dialect of its CSV, and the forms of its texts.

Facts alone: acceptance, Spark and auditor each read by them in their own way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.date_formats import ISO, format_faults
from assay.contracts.facts import Facts, Fault

# Python, Spark and the auditor decode these alike, see `intake.csv_files`.
Encoding = Literal["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"]
Decimal = Literal[".", ","]
Thousands = Literal["", ".", ",", "'", "\u2019", "_", " ", "\u00a0", "\u202f"]
# Unicode's White_Space, and what has no width: U+180E, U+200B to U+200D, U+2060, U+FEFF.
BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u180e\u200b\u200c\u200d\u2060\ufeff"
)
MARK = r"!-/:-@\[\]^_`{-~"
ONE_CHARACTER = "is not one character of ASCII that is no letter, digit, blank or backslash"
DELIMITER = Field(
    description='The character between fields; a tab is "\\t".',
    pattern=rf"^[{MARK}\t\x01\x1c-\x1f]$",
    json_schema_extra={
        "patternErrorMessage": f'{ONE_CHARACTER}; a tab is written "\\t", in double quotes'
    },
)
QUOTE = Field(
    description="The character around a field, doubled inside it.",
    pattern=f"^[{MARK}]$",
    json_schema_extra={"patternErrorMessage": ONE_CHARACTER},
)


@dataclass(frozen=True)
class Dialect(Facts):
    """How records and fields stand in a CSV file.

    Without a `header` the fields of a record are the columns of the contract, in its order. Files
    in utf-8 and utf-8-sig are read alike, with a byte-order mark or without; what is written for a
    feed in utf-8-sig begins with one.
    """

    delimiter: Annotated[str, DELIMITER] = ","
    quote: Annotated[str, QUOTE] = '"'
    encoding: Annotated[Encoding, Field(description="How bytes spell text.")] = "utf-8"
    header: Annotated[bool, Field(description="Whether a file begins with one.")] = True

    def faults(self) -> Iterator[Fault]:
        if self.delimiter == self.quote:
            yield ("quote",), f"{self.quote!r} is the delimiter as well"


@dataclass(frozen=True)
class TextForms(Facts):
    """How the texts of a feed spell values; a text in any other form says none.

    `date_formats` are those of dates and times; `iso` stands for ISO 8601 with its variants.
    Without `true_values` and `false_values` a boolean has its usual spellings.
    """

    decimal: Annotated[Decimal, Field(description="The decimal mark.")] = "."
    thousands: Annotated[
        Thousands, Field(description="The mark between groups of three digits.")
    ] = ""
    date_formats: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            description="Formats of dates and times, such as dd/MM/yyyy HH:mm; iso is ISO 8601.",
        ),
    ] = (ISO,)
    null_values: Annotated[
        tuple[str, ...], Field(description="Texts that say that there is no value.")
    ] = ()
    true_values: Annotated[tuple[str, ...], Field(description="The texts of a boolean.")] = ()
    false_values: Annotated[tuple[str, ...], Field(description="The texts of a boolean.")] = ()

    def faults(self) -> Iterator[Fault]:
        if self.thousands == self.decimal:
            yield ("thousands",), f"{self.thousands!r} is the decimal mark as well"
        for number, words in format_faults(self.date_formats):
            yield ("date_formats", number), words
        seen: dict[str, str] = {}
        for key in ("null_values", "true_values", "false_values"):
            for text in getattr(self, key):
                if (other := seen.setdefault(text, key)) != key:
                    yield (key,), f"{text!r} is one of {other} as well"
        if bool(self.true_values) != bool(self.false_values):
            given, lacking = "true_values", "false_values"
            if self.false_values:
                given, lacking = lacking, given
            yield (lacking,), f"is missing; {given} needs its counterpart"

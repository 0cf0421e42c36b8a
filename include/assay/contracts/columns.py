"""Columns: what holds of a delivered text, and of the value that is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.facts import Facts, Fault, Names, Text

TYPES = ("string", "int", "bigint", "date", "timestamp", "boolean")
TYPE = Field(
    description=f"{', '.join(TYPES)} or decimal(precision,scale).",
    pattern=rf"^({'|'.join(TYPES)}|decimal\([0-9]+,[0-9]+\))$",
    json_schema_extra={"patternErrorMessage": f"is not one of {', '.join(TYPES)}, decimal(18,2)"},
)
MOST_ROUNDED = 36  # digits: while a number is rounded it has two more, and 38 are all there are
Bound = Annotated[
    str | None, Field(description="The least or greatest value, of the column's type, in quotes.")
]


@dataclass(frozen=True)
class Condition(Facts):
    """Stricter rules of a column for the rows in which another column has one of some values."""

    column: Annotated[Text, Field(description="The other column.")]
    values: Annotated[Names, Field(alias="is", description="Its values, in such rows.")]
    nullable: Annotated[bool, Field(description="Whether such a row may be without one.")] = True
    minimum: Bound = None
    maximum: Bound = None


@dataclass(frozen=True)
class Value(Facts):
    """What holds of the values of a column in any layer. `type` is a Spark SQL type.

    `max_length` bounds the bytes of a text; the columns of a key have one in any case.
    """

    name: Annotated[Text, Field(description="The column in the tables.")]
    type: Annotated[str, TYPE] = "string"
    nullable: Annotated[bool, Field(description="Whether a row may be without it.")] = True
    description: Annotated[str, Field(description="What it means; shown in the docs.")] = ""
    max_length: Annotated[
        int | None, Field(gt=0, description="The most bytes of a text in an index.")
    ] = None
    sensitive: Annotated[
        bool, Field(description="Whether it is about a person; kept out of recorded verdicts.")
    ] = False

    def faults(self) -> Iterator[Fault]:
        if self.max_length is not None and self.type != "string":
            yield ("max_length",), "is a number of bytes, and of a string only"


@dataclass(frozen=True)
class Read(Value):
    """How a value is made of a text that was delivered, and judged. Bounds stay exact as texts.

    `synonyms` are other spellings of a value; `categories` is a strict lookup, which finds nothing
    or a category. A value that was not delivered is the hash of the columns in `hash_of`, where
    there are any. `round` is for feeds that send floats: a decimal may have an exponent, and more
    digits than its scale.
    """

    standardise: Annotated[
        Literal["trim", "upper", "lower", "as_delivered"],
        Field(description="What is made of the text before it is compared or typed."),
    ] = "trim"
    synonyms: Annotated[
        dict[str, str], Field(description="Other spellings, and the value that each is.")
    ] = field(default_factory=dict)
    categories: Annotated[
        dict[str, str], Field(description="Each text, and the category that is looked up for it.")
    ] = field(default_factory=dict)
    hash_of: Annotated[
        tuple[str, ...], Field(description="Columns that make a value which was not delivered.")
    ] = ()
    allowed: Annotated[tuple[str, ...], Field(description="The only values of a good record.")] = ()
    minimum: Bound = None
    maximum: Bound = None
    round: Annotated[
        Literal["half_even"] | None,
        Field(description="How a decimal with more digits is rounded; without it, it is bad."),
    ] = None
    when: Annotated[
        tuple[Condition, ...], Field(description="Stricter rules where another column has a value.")
    ] = ()
    money: Annotated[
        bool, Field(description="Whether its sum has to agree from silver to Postgres.")
    ] = False

    @property
    def is_decimal(self) -> bool:
        return re.fullmatch(r"decimal\(\d+,\d+\)", self.type) is not None

    @property
    def is_vocabulary(self) -> bool:
        """Whether the contract lists every value that a good record can have."""
        return bool(self.allowed or self.categories)

    @property
    def precision(self) -> int:
        """Digits of a `decimal(precision,scale)`."""
        return int(self.type.removeprefix("decimal(").split(",")[0])

    @property
    def scale(self) -> int:
        """Decimals of a `decimal(precision,scale)`."""
        return int(self.type.rstrip(")").split(",")[1])

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.round and not (self.is_decimal and self.precision <= MOST_ROUNDED):
            yield ("round",), f"is of decimals with up to {MOST_ROUNDED} digits, not of {self.type}"
        for bound in ("minimum", "maximum"):
            if not self._is_bound(getattr(self, bound)):
                yield (bound,), f"{getattr(self, bound)!r} is no value of {self.type}"
            for number, condition in enumerate(self.when):
                if not self._is_bound(value := getattr(condition, bound)):
                    yield ("when", number, bound), f"{value!r} is no value of {self.type}"

    def _is_bound(self, bound: str | None) -> bool:
        is_number = self.is_decimal or self.type in ("int", "bigint")
        try:
            return bound is None or not is_number or Decimal(bound).is_finite()
        except InvalidOperation:
            return False


@dataclass(frozen=True)
class Column(Read):
    """One column of a contract, in any layer.

    `header` is that of the file, if it differs from the name. Of a silver column, `source` is the
    bronze column that its text is from.
    """

    header: Annotated[
        str, Field(description="The column in the file, a nested field as outer.inner.")
    ] = ""
    required: Annotated[bool, Field(description="Whether a file without it is rejected.")] = False
    source: Annotated[
        str, Field(description="The delivered column whose text this one is made of.")
    ] = ""


@dataclass(frozen=True)
class Expect(Facts):
    """Expectations of a column by what holds of it: the name of each, as a person shall read it."""

    not_null: Annotated[Text | None, Field(description="Name: it is there.")] = None
    known: Annotated[Text | None, Field(description="Name: it is in its vocabulary.")] = None
    in_range: Annotated[Text | None, Field(description="Name: it is within its bounds.")] = None


@dataclass(frozen=True)
class DatasetColumn(Column):
    """A column of a `dataset.yaml`: what holds of its text, and of its value."""

    headers: Annotated[
        dict[str, str], Field(description="Historic headers, by the names of source.shapes.")
    ] = field(default_factory=dict)
    only: Annotated[Literal["bronze"] | None, Field(description="Silver has no such column.")] = (
        None
    )
    expect: Annotated[
        Expect, Field(description="What the gate expects of it, by the name of each expectation.")
    ] = Expect()

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        yield from _expect_faults(self, self.expect)
        for is_so, why, without in (
            (bool(self.source), "is taken from another one", OF_TEXT),
            (self.only is not None, "is bronze only", (*OF_VALUE, "source")),
        ):
            for key in without if is_so else ():
                if getattr(self, key) != USUAL[key]:
                    yield (key,), f"the column {why}, so {key} has no meaning"


def _expect_faults(column: Read, expect: Expect) -> Iterator[Fault]:
    """What is expected has to be a fact of the column: a gate asks for no more than silver does."""
    grounds = {
        "not_null": (not column.nullable, "nullable: false"),
        "known": (column.is_vocabulary, "allowed or categories"),
        "in_range": ({column.minimum, column.maximum} != {None}, "minimum or maximum"),
    }
    for key, (holds, ground) in grounds.items():
        if getattr(expect, key) and not holds:
            yield ("expect", key), f"needs {ground}"


OF_TEXT = ("header", "headers", "required")
OF_VALUE = (*(each.name for each in fields(Read)[1:]), "expect")
USUAL = vars(DatasetColumn(""))

"""What the texts of each column say of its type, and the evidence for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from assay.contracts.date_formats import ISO
from assay.contracts.dialect import TextForms
from assay.profile.forms import FoundForms
from assay.profile.looks import Found
from assay.profile.names import column_names
from assay.profile.numbers import (
    MOST_PRECISION,
    Reading,
    as_number,
    has_zero_padded,
    read_number,
    whole_type,
)
from assay.profile.sample import TABLE, Field, Sample
from assay.profile.texts import (
    USUAL_WORDS,
    date_value,
    is_date,
    is_one_of,
)
from assay.words import on_one_line


@dataclass(frozen=True)
class Typed:
    """One column as it is proposed, with what was counted of it in the sample.

    `text` is its text in SQL, null where it says nothing; `unread` texts are not of the type.
    Where it is to be rounded, `inexact` ones have more decimals, such as `example_rounded`.
    """

    field: Field
    name: str
    type: str
    text: str
    values: int
    nulls: int
    different: int
    unread: int = 0
    example: str = ""
    least: str = ""
    most: str = ""
    longest: int = 0
    is_rounded: bool = False
    inexact: int = 0
    example_rounded: str = ""

    @property
    def is_whole(self) -> bool:
        return self.type in ("int", "bigint")

    @property
    def is_number(self) -> bool:
        return self.is_whole or self.type.startswith("decimal")

    @property
    def is_time(self) -> bool:
        return self.type in ("date", "timestamp")


def type_columns(sample: Sample, found: FoundForms) -> list[Typed]:
    """Every column, in the order of the files, by the forms of the feed."""
    names = column_names([each.header for each in sample.fields])
    return [
        _typed(sample, found.columns[each.slot], name, found.forms)
        for each, name in zip(sample.fields, names, strict=True)
    ]


def _typed(sample: Sample, found: Found, name: str, forms: TextForms) -> Typed:
    text = _without_nulls(found.field.slot, forms)
    reading = _reading(sample, found, name, text, forms)
    condition, value, kind = reading.is_of_type, reading.value, reading.type
    inexact = reading.inexact or "false"
    asked = (
        f"count({text}), count(DISTINCT {text}), count(*) FILTER (WHERE {condition}),"
        f" min({value}) FILTER (WHERE {condition}), max({value}) FILTER (WHERE {condition}),"
        f" coalesce(max(strlen({text})), 0), count(*) FILTER (WHERE {inexact})"
    )
    values, different, read, least, most, longest, more = sample.one(f"SELECT {asked} FROM {TABLE}")
    unread = int(str(values)) - int(str(read))
    is_other = f"{text} IS NOT NULL AND NOT {condition}"
    if kind == "whole":
        kind = whole_type(least, most)
    return Typed(
        field=found.field,
        name=name,
        type=kind,
        text=text,
        values=int(str(values)),
        nulls=sample.records - int(str(values)),
        different=int(str(different)),
        unread=unread,
        example=_example(sample, text, is_other) if unread else "",
        least=_shown(least),
        most=_shown(most),
        longest=int(str(longest)),
        is_rounded=bool(reading.inexact),
        inexact=int(str(more)),
        example_rounded=_example(sample, text, inexact) if more else "",
    )


def _example(sample: Sample, text: str, condition: str) -> str:
    """One of the texts that a condition holds for."""
    (found,) = sample.one(f"SELECT min({text}) FROM {TABLE} WHERE {condition}")
    return on_one_line(found, 40)


def _without_nulls(slot: str, forms: TextForms) -> str:
    if not forms.null_values:
        return slot
    return f"CASE WHEN {is_one_of(slot, forms.null_values)} THEN NULL ELSE {slot} END"


def _reading(sample: Sample, found: Found, name: str, text: str, forms: TextForms) -> Reading:
    is_there = f"{text} IS NOT NULL"
    if not found.field.is_text:
        return _parquet_reading(sample, found.field, text, forms)
    marks = forms.decimal, forms.thousands
    if found.is_word:
        words = [*forms.true_values, *forms.false_values] or USUAL_WORDS
        said = text if forms.true_values else f"lower({text})"
        return Reading("boolean", is_one_of(said, words), text)
    if found.field.kind is None and found.is_enough(found.marks.get(marks, 0)):
        if has_zero_padded(sample, text):
            return Reading("string", is_there, text)
        return read_number(sample, text, forms)
    dates = [form for form in forms.date_formats if found.dates.get(form)]
    if found.is_enough(sum(found.dates.get(form, 0) for form in dates)):
        condition = " OR ".join(is_date(text, form) for form in dates)
        kind = _date_type(sample, text, dates)
        return Reading(kind, f"({condition})", date_value(text, dates))
    return Reading("string", is_there, text)


def _parquet_reading(sample: Sample, column: Field, text: str, forms: TextForms) -> Reading:
    kind, is_there = column.kind, f"{text} IS NOT NULL"
    if pa.types.is_boolean(kind):
        return Reading("boolean", is_there, text)
    if pa.types.is_date(kind):
        return Reading("date", is_there, date_value(text, [ISO]))
    if pa.types.is_timestamp(kind):
        return Reading("timestamp", is_there, date_value(text, [ISO]))
    if isinstance(kind, pa.Decimal128Type) and kind.scale > 0:
        whole = min(kind.precision - kind.scale, MOST_PRECISION - kind.scale)
        return Reading(f"decimal({whole + kind.scale},{kind.scale})", is_there, as_number(text))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return read_number(sample, text, forms)
    return Reading("string", is_there, text)


def _date_type(sample: Sample, text: str, forms: list[str]) -> str:
    """A date, unless some text has a time of day."""
    has_time = f"contains({text}, ':') AND ({' OR '.join(is_date(text, f) for f in forms)})"
    is_date_only = sample.one(f"SELECT count(*) FROM {TABLE} WHERE {has_time}") == (0,)
    return "date" if is_date_only else "timestamp"


def _shown(value: object) -> str:
    """A bound for a person: without the zeros of a number, or the midnight of a date."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return on_one_line(re.sub(r" 00:00:00$", "", str(value)), 40)

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
from assay.profile.sample import TABLE, Field, Sample
from assay.profile.texts import (
    USUAL_WORDS,
    WHOLE,
    ZERO_PADDED,
    date_value,
    is_date,
    is_one_of,
    matches,
    number_pattern,
    plain_number,
)
from assay.words import on_one_line

SMALL = 10**6  # above it, the sum or the next value may not fit an int
LARGE = 1 << 62
FLOAT_DIGITS = 6  # more decimals than these are the noise of a float
HEADROOM = 4
LEAST_PRECISION, MOST_PRECISION = 12, 28  # ten digits more are for the sum


@dataclass(frozen=True)
class Typed:
    """One column as it is proposed, with what was counted of it in the sample.

    `text` is its text in SQL, null where it says nothing; `unread` texts are not of the type.
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
    slot = found.field.slot
    text = _without_nulls(slot, forms)
    kind, condition, value = _reading(sample, found, name, text, forms)
    asked = (
        f"count({text}), count(DISTINCT {text}), count(*) FILTER (WHERE {condition}),"
        f" min({value}) FILTER (WHERE {condition}), max({value}) FILTER (WHERE {condition}),"
        f" coalesce(max(strlen({text})), 0)"
    )
    values, different, read, least, most, longest = sample.one(f"SELECT {asked} FROM {TABLE}")
    unread = int(str(values)) - int(str(read))
    example = ""
    if unread:
        query = f"SELECT min({text}) FROM {TABLE} WHERE {text} IS NOT NULL AND NOT {condition}"
        example = str(sample.one(query)[0])
    if kind == "whole":
        kind = _whole_type(least, most)
    return Typed(
        field=found.field,
        name=name,
        type=kind,
        text=text,
        values=int(str(values)),
        nulls=sample.records - int(str(values)),
        different=int(str(different)),
        unread=unread,
        example=on_one_line(example, 40),
        least=_shown(least),
        most=_shown(most),
        longest=int(str(longest)),
    )


def _without_nulls(slot: str, forms: TextForms) -> str:
    if not forms.null_values:
        return slot
    return f"CASE WHEN {is_one_of(slot, forms.null_values)} THEN NULL ELSE {slot} END"


def _reading(
    sample: Sample, found: Found, name: str, text: str, forms: TextForms
) -> tuple[str, str, str]:
    """The type, which texts are of it, and the value that one says: both as SQL."""
    is_there = f"{text} IS NOT NULL"
    if not found.field.is_text:
        return _parquet_reading(sample, found.field, text, forms)
    marks = forms.decimal, forms.thousands
    if found.is_word:
        words = [*forms.true_values, *forms.false_values] or USUAL_WORDS
        said = text if forms.true_values else f"lower({text})"
        return "boolean", is_one_of(said, words), text
    if found.field.kind is None and found.is_enough(found.marks.get(marks, 0)):
        if _has_zero_padded(sample, text):
            return "string", is_there, text
        return _number_reading(sample, text, forms)
    dates = [form for form in forms.date_formats if found.dates.get(form)]
    if found.is_enough(sum(found.dates.get(form, 0) for form in dates)):
        condition = " OR ".join(is_date(text, form) for form in dates)
        kind = _date_type(sample, text, dates)
        return kind, f"({condition})", date_value(text, dates)
    return "string", is_there, text


def _parquet_reading(
    sample: Sample, column: Field, text: str, forms: TextForms
) -> tuple[str, str, str]:
    kind, is_there = column.kind, f"{text} IS NOT NULL"
    if pa.types.is_boolean(kind):
        return "boolean", is_there, text
    if pa.types.is_date(kind):
        return "date", is_there, date_value(text, [ISO])
    if pa.types.is_timestamp(kind):
        return "timestamp", is_there, date_value(text, [ISO])
    if isinstance(kind, pa.Decimal128Type) and kind.scale > 0:
        whole = min(kind.precision - kind.scale, MOST_PRECISION - kind.scale)
        return f"decimal({whole + kind.scale},{kind.scale})", is_there, _as_number(text)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _number_reading(sample, text, forms)
    return "string", is_there, text


def _has_zero_padded(sample: Sample, text: str) -> bool:
    """Whether a number would lose zeros at its beginning: it is the name of something then."""
    query = f"SELECT count(*) FROM {TABLE} WHERE {matches(text, ZERO_PADDED)}"
    return sample.one(query) != (0,)


def _number_reading(sample: Sample, text: str, forms: TextForms) -> tuple[str, str, str]:
    """Whole numbers, also when all of them end in .0, as floats do; else decimals."""
    pattern = number_pattern(forms.decimal, forms.thousands)
    plain = plain_number(text, forms)
    is_number, digits = matches(text, pattern), f"split_part({plain}, '.', 2)"
    whole, written, used, largest = sample.one(
        f"SELECT coalesce(max(length(split_part(ltrim({plain}, '+-0'), '.', 1))), 0),"
        f" coalesce(max(length({digits})), 0), coalesce(max(length(rtrim({digits}, '0'))), 0),"
        f" max(abs({_as_number(plain)})) FROM {TABLE} WHERE {is_number}"
    )
    decimals = int(str(used))
    if decimals == 0 and int(str(written)) <= 1:
        if largest is not None and Decimal(str(largest)) >= LARGE:
            return "string", f"{text} IS NOT NULL", text
        point = "" if forms.decimal == "." else forms.decimal
        is_whole = (
            f"{is_number}" if point or forms.thousands else matches(text, rf"{WHOLE}([.]0*)?")
        )
        return "whole", is_whole, _as_number(plain)
    scale = int(str(written)) if int(str(written)) <= FLOAT_DIGITS else decimals
    if decimals > FLOAT_DIGITS:
        scale = _scale_behind_noise(sample, plain, is_number)
    precision = min(MOST_PRECISION, max(LEAST_PRECISION, int(str(whole)) + HEADROOM + scale))
    fits = f"length(rtrim({digits}, '0')) <= {scale}"
    return f"decimal({precision},{scale})", f"({is_number} AND {fits})", _as_number(plain)


def _as_number(plain: str) -> str:
    return f"TRY_CAST({plain} AS DECIMAL(38, 18))"


def _scale_behind_noise(sample: Sample, plain: str, is_number: str) -> int:
    """The fewest decimals that a float was rounded from, as far as its digits tell."""
    value = f"TRY_CAST({plain} AS DOUBLE)"
    for scale in range(FLOAT_DIGITS + 1):
        noise = f"abs({value} - round({value}, {scale})) > 1e-5 * greatest(1, abs({value}))"
        if sample.one(f"SELECT count(*) FROM {TABLE} WHERE {is_number} AND {noise}") == (0,):
            return max(scale, 2)
    return FLOAT_DIGITS


def _date_type(sample: Sample, text: str, forms: list[str]) -> str:
    """A date, unless some text has a time of day."""
    has_time = f"contains({text}, ':') AND ({' OR '.join(is_date(text, f) for f in forms)})"
    is_date_only = sample.one(f"SELECT count(*) FROM {TABLE} WHERE {has_time}") == (0,)
    return "date" if is_date_only else "timestamp"


def _whole_type(least: object, most: object) -> str:
    numbers = [abs(Decimal(str(bound))) for bound in (least, most) if bound is not None]
    return "int" if max(numbers, default=Decimal(0)) < SMALL else "bigint"


def _shown(value: object) -> str:
    """A bound for a person: without the zeros of a number, or the midnight of a date."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return on_one_line(re.sub(r" 00:00:00$", "", str(value)), 40)

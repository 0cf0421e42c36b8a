"""What the texts of a column of numbers say of its type: whole, or of how many decimals.

Floats have digits that nobody meant, 0.30000000000000004, or more than a decimal should keep. Their
column is proposed with the decimals behind that, to be rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from assay.contracts.dialect import TextForms
from assay.profile.sample import TABLE, Sample
from assay.profile.texts import (
    WHOLE,
    ZERO_PADDED,
    float_pattern,
    matches,
    number_pattern,
    plain_number,
)

SMALL = 10**6  # above it, the sum or the next value may not fit an int
LARGE = 1 << 62
FLOAT_DIGITS = 6  # more decimals than these are no more than a float happens to have
HEADROOM = 4
LEAST_PRECISION, MOST_PRECISION = 12, 28  # ten digits more are for the sum


@dataclass(frozen=True)
class Reading:
    """The type of a column; the rest is SQL: which texts are of it, and the value that one says.

    Of a column that is to be rounded, `inexact` is a condition: which texts have more decimals.
    """

    type: str
    is_of_type: str
    value: str
    inexact: str = ""


def has_zero_padded(sample: Sample, text: str) -> bool:
    """Whether a number would lose zeros at its beginning: it is the name of something then."""
    query = f"SELECT count(*) FROM {TABLE} WHERE {matches(text, ZERO_PADDED)}"
    return sample.one(query) != (0,)


def read_number(sample: Sample, text: str, forms: TextForms) -> Reading:
    """Whole numbers, also when all of them end in .0, as floats do; else decimals."""
    marks = forms.decimal, forms.thousands
    plain, is_number = plain_number(text, forms), matches(text, number_pattern(*marks))
    is_float = matches(text, float_pattern(*marks))
    without_exponent = f"rtrim(CAST({as_number(plain)} AS VARCHAR), '0')"
    spelt = f"CASE WHEN {is_number} THEN {plain} ELSE {without_exponent} END"
    digits = f"split_part({spelt}, '.', 2)"
    whole, written, used, largest, exponents = sample.one(
        f"SELECT coalesce(max(length(split_part(ltrim({spelt}, '+-0'), '.', 1))), 0),"
        f" coalesce(max(length({digits})), 0), coalesce(max(length(rtrim({digits}, '0'))), 0),"
        f" max(abs({as_number(plain)})), count(*) FILTER (WHERE NOT {is_number})"
        f" FROM {TABLE} WHERE {is_float}"
    )
    decimals = int(str(used))
    if decimals == 0 and int(str(written)) <= 1 and not exponents:
        if largest is not None and Decimal(str(largest)) >= LARGE:
            return Reading("string", f"{text} IS NOT NULL", text)
        point = "" if forms.decimal == "." else forms.decimal
        is_whole = (
            f"{is_number}" if point or forms.thousands else matches(text, rf"{WHOLE}([.]0*)?")
        )
        return Reading("whole", is_whole, as_number(plain))
    scale = int(str(written)) if int(str(written)) <= FLOAT_DIGITS else decimals
    if decimals >= FLOAT_DIGITS:
        scale = _scale_behind_noise(sample, plain, is_float)
    precision = min(MOST_PRECISION, max(LEAST_PRECISION, int(str(whole)) + HEADROOM + scale))
    kind = f"decimal({precision},{scale})"
    if decimals <= scale and not exponents:
        return Reading(kind, is_number, as_number(plain))
    has_more = f"({is_float} AND length(rtrim({digits}, '0')) > {scale})"
    return Reading(kind, is_float, as_number(plain), inexact=has_more)


def as_number(plain: str) -> str:
    return f"TRY_CAST({plain} AS DECIMAL(38, 18))"


def _scale_behind_noise(sample: Sample, plain: str, is_float: str) -> int:
    """The fewest decimals that all floats were made from, as far as their digits tell.

    Noise is small beside the value, and beside the last decimal that is meant.
    """
    value = f"TRY_CAST({plain} AS DOUBLE)"
    for scale in range(FLOAT_DIGITS):
        least = f"least(greatest(1e-9, 2e-6 * abs({value})), 1e-{scale + 1})"
        digits = f"abs({value} - round({value}, {scale})) > {least}"
        if sample.one(f"SELECT count(*) FROM {TABLE} WHERE {is_float} AND {digits}") == (0,):
            return max(scale, 2)
    return FLOAT_DIGITS


def whole_type(least: object, most: object) -> str:
    numbers = [abs(Decimal(str(bound))) for bound in (least, most) if bound is not None]
    return "int" if max(numbers, default=Decimal(0)) < SMALL else "bigint"

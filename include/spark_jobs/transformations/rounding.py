"""Decimals with more digits than their column, rounded half to even where the contract says so.

A text is shifted by its exponent, cut off, and rounded as a decimal: no float is on the way, and no
digit is left out of account, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from assay.contracts.columns import Column as ContractColumn

# An exponent of four digits is of no float.
FLOAT = r"^([+-]?)(?=[.]?\d)(\d*)(?:[.](\d*))?(?:[eE]([+-]?\d{1,3}))?$"
SIGN, WHOLE, DECIMALS, EXPONENT = 1, 2, 3, 4


@dataclass(frozen=True)
class _Digits:
    """A number as text without exponent: its sign, and the digits on both sides of the point."""

    sign: Column
    whole: Column
    decimals: Column


def rounded(text: Column, column: ContractColumn) -> Column:
    """The number with the decimals of the column; null for no number, and for one without room."""
    digits, scale = _shifted(text), column.scale
    # Of what is cut off it only matters on which side of the half it is: one more digit tells it.
    kept = F.rpad(F.left(digits.decimals, F.lit(scale + 1)), scale + 1, "0")
    rest = F.when(_has_more(digits, scale + 1), F.lit("1")).otherwise(F.lit("0"))
    number = F.concat(digits.sign, F.lit("0"), digits.whole, F.lit("."), kept, rest)
    exact = number.try_cast(f"decimal({column.precision + 2},{scale + 2})")
    return F.when(text.rlike(FLOAT), F.bround(exact, scale).try_cast(column.type))


def is_inexact(text: Column, column: ContractColumn) -> Column:
    """Whether a number has digits other than zeros beyond the decimals of the column."""
    return text.rlike(FLOAT) & _has_more(_shifted(text), column.scale)


def _has_more(digits: _Digits, decimals: int) -> Column:
    return F.substring(digits.decimals, decimals + 1, F.length(digits.decimals)).rlike("[1-9]")


def _shifted(text: Column) -> _Digits:
    whole, decimals = F.regexp_extract(text, FLOAT, WHOLE), F.regexp_extract(text, FLOAT, DECIMALS)
    exponent = F.coalesce(F.regexp_extract(text, FLOAT, EXPONENT).try_cast("int"), F.lit(0))
    point, digits = F.length(whole) + exponent, F.concat(whole, decimals)
    before = F.greatest(point, F.lit(0))
    return _Digits(
        sign=F.regexp_extract(text, FLOAT, SIGN),
        whole=F.rpad(F.left(digits, before), before, "0"),
        decimals=F.concat(
            F.repeat(F.lit("0"), F.greatest(-point, F.lit(0))),
            F.substring(digits, before + 1, F.length(digits)),
        ),
    )

"""Exact totals of a frame: the number of rows and the sums of some columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

ROWS = "rows"


def sum_measures(frame: DataFrame, measures: Mapping[str, str]) -> dict[str, Decimal]:
    """Total of each measure: name → column summed, or `rows` for the number of rows."""
    whole = {name for name, kind in frame.dtypes if kind in ("int", "bigint")}
    totals = [
        (F.count("*") if column == ROWS else _sum(column, is_whole=column in whole)).alias(name)
        for name, column in measures.items()
    ]
    row = frame.agg(*totals).collect()[0]
    return {name: Decimal(row[name] or 0) for name in measures}


def _sum(column: str, *, is_whole: bool) -> Column:
    """A sum of whole numbers may be larger than any of their type."""
    return F.sum(F.col(column).cast("decimal(38,0)") if is_whole else F.col(column))


def as_texts(totals: Mapping[str, Decimal]) -> dict[str, str]:
    """For JSON: decimals as text, for a float would not be exact."""
    return {name: str(total) for name, total in totals.items()}


def zeros(measures: Sequence[str]) -> dict[str, Decimal]:
    """The totals of a table without rows."""
    return dict.fromkeys(measures, Decimal(0))

"""Exact totals of a frame: the number of rows and the sums of some columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

ROWS = "rows"


def sum_measures(frame: DataFrame, measures: Mapping[str, str]) -> dict[str, Decimal]:
    """Total of each measure: name → column summed, or `rows` for the number of rows."""
    totals = [
        (F.count("*") if column == ROWS else F.sum(column)).alias(name)
        for name, column in measures.items()
    ]
    row = frame.agg(*totals).collect()[0]
    return {name: Decimal(row[name] or 0) for name in measures}


def as_texts(totals: Mapping[str, Decimal]) -> dict[str, str]:
    """For JSON: decimals as text, for a float would not be exact."""
    return {name: str(total) for name, total in totals.items()}


def zeros(measures: Sequence[str]) -> dict[str, Decimal]:
    """The totals of a table without rows."""
    return dict.fromkeys(measures, Decimal(0))

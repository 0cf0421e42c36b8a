"""Exact totals of frames: the number of rows and the sums of some columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

ROWS = "rows"
Totals = dict[str, Decimal]
# A frame and what is summed of it: name of a measure → column, or `rows` for the number of rows.
Summed = tuple[DataFrame, Mapping[str, str]]


def sum_frames(frames: Mapping[str, Summed]) -> dict[str, Totals]:
    """Totals of several frames in one query, under their names."""
    if not frames:
        return {}
    asked = [_totals(name, *frame) for name, frame in frames.items()]
    found = {row["frame"]: row["totals"] for row in reduce(DataFrame.unionAll, asked).collect()}
    return {
        name: {
            measure: Decimal(text or 0) or Decimal(0)
            for measure, text in zip(measures, found[name], strict=True)
        }
        for name, (_, measures) in frames.items()
    }


def _totals(name: str, frame: DataFrame, measures: Mapping[str, str]) -> DataFrame:
    """One row: the name of the frame, and its totals as texts, which are of one type and exact."""
    whole = {name for name, kind in frame.dtypes if kind in ("int", "bigint")}
    totals = [
        F.count("*") if column == ROWS else _sum(column, is_whole=column in whole)
        for column in measures.values()
    ]
    texts = F.array(*(total.cast("string") for total in totals))
    return frame.agg(F.lit(name).alias("frame"), texts.alias("totals"))


def _sum(column: str, *, is_whole: bool) -> Column:
    """A sum of whole numbers may be larger than any of their type."""
    return F.sum(F.col(column).cast("decimal(38,0)") if is_whole else F.col(column))


def as_texts(totals: Mapping[str, Decimal]) -> dict[str, str]:
    """For JSON: decimals as text, for a float would not be exact."""
    return {name: str(total) for name, total in totals.items()}


def zeros(measures: Sequence[str]) -> Totals:
    """The totals of a table without rows."""
    return dict.fromkeys(measures, Decimal(0))

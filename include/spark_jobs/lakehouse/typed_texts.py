"""Values of Parquet files as texts: what a file of text would have in their place."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DoubleType, FloatType, MapType, StructType

from assay.contracts.model import Contract


def field(rows: DataFrame, name: str) -> Column:
    """A column of whatever name."""
    return F.col("`" + name.replace("`", "``") + "`")


def plain_text(rows: DataFrame, name: str) -> Column:
    """A typed value as a file of text would spell it: exactly the digits that there are.

    A float has an exponent only where it has more decimals than a decimal can hold.
    """
    kind = rows.schema[name].dataType
    value = field(rows, name)
    if isinstance(kind, FloatType | DoubleType):
        text = value.cast("string")
        plain = text.try_cast("decimal(38,18)")
        trimmed = F.regexp_replace(plain.cast("string"), "[.]?0+$", "")
        return F.when(text.contains("E") & (plain.cast(kind) == value), trimmed).otherwise(text)
    if isinstance(kind, BinaryType):
        return F.lower(F.hex(value))  # bytes need not be text
    if isinstance(kind, ArrayType | MapType | StructType):
        return F.to_json(value)
    return value.cast("string")


def text_with_nul(rows: DataFrame, contract: Contract) -> Column:
    """The row as JSON when a text of it holds U+0000, which Postgres cannot store."""
    texts = [F.col(name) for name in contract.column_names]
    return F.when(F.concat_ws("", *texts).contains("\0"), F.to_json(F.struct(*texts)))

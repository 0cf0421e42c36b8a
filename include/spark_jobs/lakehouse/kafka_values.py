"""Reading slice files of streams: each row holds one value as it came from Kafka, one record.

No row is left out: what is no text, or no record in the format of the slice, is malformed.
"""

from __future__ import annotations

import re

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from assay.contracts.model import Contract
from assay.intake.header import match_header, value_spellings
from spark_jobs.lakehouse.json_records import parse_json, trimmed

MALFORMED = "malformed_record"
STAND_IN = "\ufffd"  # for bytes that are no text, and for U+0000, which Postgres cannot hold
NO_VALUE = "null"  # the text of a record that Kafka has without a value


def open_values(spark: SparkSession, paths: list[str]) -> DataFrame:
    """The value of each row of slice files, its file_name, and its number in the file, from 1.

    The schema is known; to have Spark find it in the files would take a job of its own.
    """
    rows = spark.read.schema("value binary").parquet(*paths)
    number = F.col("_metadata.row_index") + 1
    file_name = F.col("_metadata.file_name")
    return rows.select("value", file_name.alias("file_name"), number.alias("record_number"))


def kafka_records(
    opened: DataFrame, contract: Contract, header: list[str], format_: str
) -> DataFrame:
    """Contract columns as text, unknown columns, malformed_record, file_name, record_number.

    `opened` are slice files by `open_values`, and `format_` is that of the slices.
    """
    delivered = F.col("value").cast("string")
    is_text = F.is_valid_utf8(delivered) & ~delivered.contains("\0")
    sound = F.replace(F.make_valid_utf8(delivered), F.lit("\0"), F.lit(STAND_IN))
    texts = opened.select(
        trimmed(sound).alias("text"),
        (~F.coalesce(is_text, F.lit(False))).alias("is_no_text"),
        "file_name",
        "record_number",
    )
    if format_ == "kafka_csv":
        return _parse_csv(texts, contract, header)
    names = value_spellings(header, contract)
    return parse_json(texts, contract, names, is_no_text=F.col("is_no_text"))


def _parse_csv(texts: DataFrame, contract: Contract, header: list[str]) -> DataFrame:
    """Fields by the header of the slice; a value with a second record is malformed."""
    dialect = contract.dialect
    schema = StructType([StructField(name, StringType()) for name in (*header, MALFORMED)])
    options = {
        "sep": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.quote,
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": MALFORMED,
    }
    fields = F.from_csv("text", schema.simpleString(), options)
    found = {name: header[at] for name, at in match_header(header, contract).items()}
    unknown = [name for name in header if name not in found.values()]
    return texts.withColumn("fields", fields).select(
        *(
            (F.col("fields")[found[name]] if name in found else F.lit(None).cast("string")).alias(
                name
            )
            for name in contract.column_names
        ),
        _unknown(unknown).alias("unknown_columns"),
        F.when(_is_malformed(dialect.quote), F.coalesce("text", F.lit(NO_VALUE))).alias(MALFORMED),
        "file_name",
        "record_number",
    )


def _is_malformed(quote: str) -> Column:
    mark = re.escape(quote)
    outside = F.regexp_replace("text", f"{mark}[^{mark}]*+{mark}", "")
    broken = F.col("is_no_text") | (F.col("text") == "") | outside.rlike(r"[\r\n]")
    return F.coalesce(broken | F.col("fields")[MALFORMED].isNotNull(), F.lit(True))


def _unknown(names: list[str]) -> Column:
    if not names:
        return F.lit(None).cast("map<string,string>")
    pairs = (part for name in names for part in (F.lit(name), F.col("fields")[name]))
    return F.create_map(*pairs)

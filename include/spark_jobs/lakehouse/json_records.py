"""Reading JSON records as text: a line, or an element of an array, is one record.

No value is rounded. A text that is not exactly one JSON object, each name in it once and each
number exact, is malformed; so is one with a NUL character. It is kept whole.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contract import Contract
from assay.landing.json_files import INEXACT

NUL = r"\\u0000"  # this escape is the one character that Postgres cannot hold
BLANKS = " \t\r\n"


def read_json(
    spark: SparkSession,
    paths: list[str],
    contract: Contract,
    delivered: dict[str, str],
    *,
    is_array: bool,
) -> DataFrame:
    """Contract columns as text, unknown columns, malformed_record, file_name, record_number.

    `delivered` maps columns to the names of their fields; `outer.inner` is a field of an object.
    """
    texts = _read_elements(spark, paths) if is_array else _read_lines(spark, paths)
    outer = sorted({name.partition(".")[0] for name in delivered.values() if "." in name})
    one = F.try_parse_json(F.concat(F.lit("["), "text", F.lit("]")))
    parsed = texts.withColumn("one", F.when(~F.col("text").rlike(f"{INEXACT}|{NUL}"), one)).select(
        "*",
        F.when(F.try_variant_get("one", "$[1]", "variant").isNull(), _fields("")).alias("fields"),
        *(_fields(f"['{name}']").alias(f"in.{name}") for name in outer),
    )
    return parsed.select(
        *(_value(delivered.get(name)).alias(name) for name in contract.column_names),
        _unknown([*delivered.values()], outer).alias("unknown_columns"),
        F.when(F.col("fields").isNull(), F.coalesce("text", F.lit("null"))).alias(
            "malformed_record"
        ),
        "file_name",
        "record_number",
    )


def _read_lines(spark: SparkSession, paths: list[str]) -> DataFrame:
    lines = spark.read.text(paths, lineSep="\n")
    text = F.btrim(F.regexp_replace("value", "^\ufeff", ""), F.lit(BLANKS))
    numbered = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << 33) - 1)) + 1
    return (
        lines.select(text.alias("text"), F.col("_metadata.file_name").alias("file_name"))
        .where(F.col("text") != "")
        .withColumn("record_number", numbered)
    )


def _read_elements(spark: SparkSession, paths: list[str]) -> DataFrame:
    whole = spark.read.text(paths, wholetext=True)
    elements = F.parse_json(F.regexp_replace("value", "^\ufeff", "")).cast("array<variant>")
    return whole.select(
        F.posexplode(elements).alias("position", "element"),
        F.col("_metadata.file_name").alias("file_name"),
    ).select(
        F.to_json("element").alias("text"),
        "file_name",
        (F.col("position") + 1).cast("bigint").alias("record_number"),
    )


def _fields(path: str) -> Column:
    """The fields of the only element of `one`, or of an object in it; null when it is none."""
    return F.try_variant_get("one", f"$[0]{path}", "map<string,string>")


def _value(name: str | None) -> Column:
    if name is None:
        return F.lit(None).cast("string")
    outer, _, inner = name.partition(".")
    return F.col(f"`in.{outer}`")[inner] if inner else F.col("fields")[outer]


def _unknown(known: list[str], outer: list[str]) -> Column:
    """All other fields; those of a known object as `outer.inner`, or itself when it is none."""
    others = F.map_filter("fields", lambda name, _: ~name.isin(*known, *outer))
    merged = F.map_concat(others, *(_unknown_inside(parent, known) for parent in outer))
    return F.when(F.size(merged) > 0, merged)


def _unknown_inside(parent: str, known: list[str]) -> Column:
    inner = [name.partition(".")[2] for name in known if name.startswith(f"{parent}.")]
    rest = F.map_filter(F.col(f"`in.{parent}`"), lambda name, _: ~name.isin(*inner))
    named = F.transform_keys(rest, lambda name, _: F.concat(F.lit(f"{parent}."), name))
    no_object = F.map_filter("fields", lambda name, value: (name == parent) & value.isNotNull())
    return F.coalesce(named, no_object)

"""Reading JSON records as text: a line, or an element of an array, is one record.

No value is rounded. A text that is not exactly one JSON object, each name in it once and each
number exact, is malformed; so is one with a NUL character, one that says two things of a column,
and one with an object or an array where a column has its value. It is kept whole.
"""

from __future__ import annotations

from functools import reduce
from itertools import combinations
from operator import or_

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contracts.model import Contract
from assay.intake.json_arrays import INEXACT

# This escape is the one character that Postgres cannot hold; behind another backslash it is none.
NUL = r"(?<!\\)(?:\\\\)*+\\u0000"
INEXACT_NUMBER = rf"[:\[,]\s*{INEXACT}"
STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
BLANKS = " \t\r\n"
END = "end of the record"  # stands behind the record, so that no text after it is overlooked


def open_json(spark: SparkSession, paths: list[str], *, is_array: bool) -> DataFrame:
    """The text of files: a row for each line, or for each file that is an array."""
    return (
        spark.read.text(paths, wholetext=True) if is_array else spark.read.text(paths, lineSep="\n")
    )


def json_records(
    opened: DataFrame, contract: Contract, names: dict[str, list[str]], *, is_array: bool
) -> DataFrame:
    """The records of opened files, as `parse_json` has them."""
    return parse_json(_elements(opened) if is_array else _lines(opened), contract, names)


def parse_json(
    texts: DataFrame,
    contract: Contract,
    names: dict[str, list[str]],
    *,
    is_no_text: Column | None = None,
) -> DataFrame:
    """Contract columns as text, unknown columns, malformed_record, file_name, record_number.

    `texts` has the `text` of each record, file_name and record_number. `names` are the names that a
    column may have in a record; `outer.inner` is a field of an object, or one that the sender has
    flattened. Where `is_no_text`, the text stands for what is none, and is malformed.
    """
    places = {column: _places(names[column]) for column in contract.column_names}
    known = [name for column in contract.column_names for name in names[column]]
    outer = sorted({name.partition(".")[0] for name in known if "." in name})
    one = F.try_parse_json(F.concat(F.lit("["), "text", F.lit(f',"{END}"]')))
    unfit = _is_inexact() if is_no_text is None else is_no_text | _is_inexact()
    parsed = texts.withColumn("one", F.when(~unfit, one)).select(
        "*",
        F.when(F.try_variant_get("one", "$[1]", "string") == END, _fields("")).alias("fields"),
        *(_fields(_path(name)).alias(_object(name)) for name in outer),
    )
    values = parsed.select(
        "*", *(F.coalesce(*map(_value, at)).alias(f"of.{name}") for name, at in places.items())
    )
    others, inside = _others(known, outer), [_unknown_inside(name, known) for name in outer]
    return values.select(
        *(F.col(f"`of.{name}`").alias(name) for name in contract.column_names),
        _unknown(others, inside).alias("unknown_columns"),
        F.when(_is_malformed(places, others, inside), F.coalesce("text", F.lit("null"))).alias(
            "malformed_record"
        ),
        "file_name",
        "record_number",
    )


def _places(names: list[str]) -> list[list[str]]:
    """The paths at which a record may have the value: a name itself, and the parts of a dotted."""
    nested = [[*name.partition(".")[::2]] for name in names if "." in name]
    return [*([name] for name in names), *nested]


def _is_inexact() -> Column:
    """A number that is not kept exactly, or a NUL; texts that look like it are looked at again."""
    text = F.col("text")
    without_strings = F.regexp_replace(text, STRING, '""')
    inexact = text.rlike(INEXACT_NUMBER) & without_strings.rlike(INEXACT_NUMBER)
    return inexact | text.rlike(NUL)


def _is_malformed(
    places: dict[str, list[list[str]]], others: Column, inside: list[Column]
) -> Column:
    """No object; or two values for one name; or, for a column, what is no single value."""
    broken = [F.col("fields").isNull()]
    for column, paths in places.items():
        values = [_value(path) for path in paths]
        broken += [one != other for one, other in combinations(values, 2)]
        looks = F.col(f"`of.{column}`").substr(1, 1).isin("[", "{")
        broken.append(looks & reduce(or_, (_is_container(path) for path in paths)))
    broken += [F.arrays_overlap(F.map_keys(others), F.map_keys(fields)) for fields in inside]
    return F.coalesce(reduce(or_, broken), F.lit(False))


def _is_container(path: list[str]) -> Column:
    kind = F.schema_of_variant(F.try_variant_get("one", f"$[0]{_path(*path)}", "variant"))
    return F.coalesce(kind.rlike("^(ARRAY|OBJECT)"), F.lit(False))


def _lines(lines: DataFrame) -> DataFrame:
    text = trimmed(F.col("value"))
    numbered = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << 33) - 1)) + 1
    return (
        lines.select(text.alias("text"), F.col("_metadata.file_name").alias("file_name"))
        .where(F.col("text") != "")
        .withColumn("record_number", numbered)
    )


def trimmed(text: Column) -> Column:
    """A record without what may stand around it."""
    return F.btrim(F.regexp_replace(text, "^\ufeff", ""), F.lit(BLANKS))


def _elements(whole: DataFrame) -> DataFrame:
    elements = F.parse_json(F.regexp_replace("value", "^\ufeff", "")).cast("array<variant>")
    return whole.select(
        F.posexplode(elements).alias("position", "element"),
        F.col("_metadata.file_name").alias("file_name"),
    ).select(
        F.to_json("element").alias("text"),
        "file_name",
        (F.col("position") + 1).cast("bigint").alias("record_number"),
    )


def _path(*names: str) -> str:
    return "".join(f"['{name}']" for name in names)


def _object(name: str) -> str:
    """Column of the fields of an object; names that differ in case only are two."""
    return f"in_{name.encode().hex()}"


def _fields(path: str) -> Column:
    """The fields of the record, or of an object in it; null when it is none."""
    return F.try_variant_get("one", f"$[0]{path}", "map<string,string>")


def _value(path: list[str]) -> Column:
    outer, *inner = path
    return F.col(_object(outer))[inner[0]] if inner else F.col("fields")[outer]


def _others(known: list[str], outer: list[str]) -> Column:
    return F.map_filter("fields", lambda name, _: ~name.isin(*known, *outer))


def _unknown(others: Column, inside: list[Column]) -> Column:
    """All other fields; those of a known object as `outer.inner`, or itself when it is none."""
    apart = reduce(_without_names, inside, others)  # a record with one name twice is malformed
    merged = F.map_concat(apart, *inside)
    return F.when(F.size(merged) > 0, merged)


def _without_names(others: Column, fields: Column) -> Column:
    return F.map_filter(others, lambda name, _: ~F.array_contains(F.map_keys(fields), name))


def _unknown_inside(parent: str, known: list[str]) -> Column:
    inner = [name.partition(".")[2] for name in known if name.startswith(f"{parent}.")]
    rest = F.map_filter(_object(parent), lambda name, _: ~name.isin(*inner))
    named = F.transform_keys(rest, lambda name, _: F.concat(F.lit(f"{parent}."), name))
    no_object = F.map_filter("fields", lambda name, value: (name == parent) & value.isNotNull())
    return F.coalesce(named, no_object)

"""Type and standardise bronze text by a silver contract, and judge every record.

The contract gives types, vocabularies and bounds; each broken fact is a reason
`<column>.<rule>`. A value is never rounded, clipped or replaced: what does not fit exactly is a
reason, and the record goes to quarantine with all of its reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.contract import Column as ContractColumn
from assay.contract import Contract

LINEAGE = ["batch_id", "file_id", "source_file", "record_number", "ingested_at"]
VALUE_SEPARATOR, NULL_MARK = "\u001f", "\u001e"
PLAIN_TIMESTAMP = (
    r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.]\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?$"
)


def standardise(text: Column, column: ContractColumn) -> Column:
    """Trim, set the case that the contract asks for, and read blank as null."""
    cases = {"upper": F.upper, "lower": F.lower}
    trimmed = F.trim(text)
    cased = cases[column.standardise](trimmed) if column.standardise in cases else trimmed
    return F.when(trimmed != "", cased)


def typed(text: Column, column: ContractColumn) -> Column:
    """The text as the contract's type, or null when it does not say that value exactly."""
    if column.type == "string":
        return text
    if column.is_decimal:
        plain = rf"^[+-]?\d+([.]\d{{1,{column.scale}}}0*)?$"
        return F.when(text.rlike(plain), text.try_cast(column.type))
    if column.type == "timestamp":
        return F.when(text.rlike(PLAIN_TIMESTAMP), text.try_cast("timestamp"))
    return text.try_cast(column.type)


def column_rules(column: ContractColumn, text: Column) -> dict[str, Column]:
    """What must hold for this column: rule name → condition. Null satisfies all but `missing`."""
    value = F.col(column.name)
    rules: dict[str, Column] = {}
    if not column.nullable:
        rules["missing"] = text.isNotNull()
    if column.type != "string":
        rules["unparseable"] = text.isNull() | value.isNotNull()
    if column.allowed:
        rules["unknown"] = value.isNull() | value.isin(*column.allowed)
    if column.minimum is not None or column.maximum is not None:
        low = F.lit(column.minimum).cast(column.type)
        high = F.lit(column.maximum).cast(column.type)
        inside = F.coalesce(value >= low, F.lit(True)) & F.coalesce(value <= high, F.lit(True))
        rules["out_of_range"] = inside
    return rules


def conform(
    bronze: DataFrame, contract: Contract, row_rules: Mapping[str, Column] | None = None
) -> DataFrame:
    """One typed row per bronze record, with `reasons` (empty when good) and `row_hash`.

    `row_rules` are the dataset's own named conditions over the typed columns.
    `raw` holds, for a record with reasons, its text as delivered, or its bronze columns as JSON.
    Columns out: the contract's, lineage, row_hash, reasons, raw.
    """
    texts = {c.name: F.col(f"text.{c.name}") for c in contract.columns}
    delivered = [c for c in contract.column_names if c in bronze.columns]
    staged = bronze.select(
        *LINEAGE,
        "malformed_record",
        F.struct(*delivered).alias("delivered"),
        F.struct(
            *(
                standardise(
                    F.col(c.name) if c.name in delivered else F.lit(None).cast("string"), c
                ).alias(c.name)
                for c in contract.columns
            )
        ).alias("text"),
    )
    with_types = staged.select(
        "*", *(typed(texts[c.name], c).alias(c.name) for c in contract.columns)
    )
    judged = with_types.withColumn("reasons", _reasons(contract, texts, row_rules or {}))
    is_bad = F.size("reasons") > 0
    return judged.select(
        *contract.column_names,
        *LINEAGE,
        F.when(~is_bad, row_hash(contract)).alias("row_hash"),
        "reasons",
        F.when(is_bad, F.coalesce("malformed_record", F.to_json("delivered"))).alias("raw"),
    )


def _reasons(
    contract: Contract, texts: Mapping[str, Column], row_rules: Mapping[str, Column]
) -> Column:
    """Array of the names of all broken rules; a malformed record has that one reason only."""
    held = {
        f"{column.name}.{rule}": F.coalesce(condition, F.lit(False))
        for column in contract.columns
        for rule, condition in column_rules(column, texts[column.name]).items()
    } | {name: F.coalesce(condition, F.lit(True)) for name, condition in row_rules.items()}
    broken = F.array(*(F.when(~condition, F.lit(name)) for name, condition in held.items()))
    return (
        F.when(F.col("malformed_record").isNotNull(), F.array(F.lit("record.malformed")))
        .when(_repeats_header(contract), F.array(F.lit("record.repeated_header")))
        # Nearly every record is good; only a broken one pays for the list of its reasons.
        .when(reduce(and_, held.values()), F.array().cast("array<string>"))
        .otherwise(F.array_compact(broken))
    )


def _repeats_header(contract: Contract) -> Column:
    """True for a header line among the records: the keys hold the names of their columns."""
    folded = [
        F.lower(F.regexp_replace(F.col(f"delivered.{key}"), "[_ ]", "")) == key.replace("_", "")
        for key in contract.keys
    ]
    return F.coalesce(reduce(and_, folded), F.lit(False))


def row_hash(contract: Contract) -> Column:
    """SHA-256 of the business values in canonical text; equal exactly when the contents are.

    Values are joined by U+001F; null is U+001E, a timestamp its microseconds since the epoch, a
    decimal plain text with all digits of its scale. Lineage is never part of it.
    """
    canonical = [
        F.coalesce(_canonical(F.col(c.name), c.type), F.lit(NULL_MARK)) for c in contract.columns
    ]
    return F.sha2(F.concat_ws(VALUE_SEPARATOR, *canonical), 256)


def _canonical(value: Column, kind: str) -> Column:
    return (F.unix_micros(value) if kind == "timestamp" else value).cast("string")

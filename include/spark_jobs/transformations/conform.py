"""Type and standardise bronze text by a silver contract, and judge every record.

The contract gives types, vocabularies and bounds; each broken fact is a reason
`<column>.<rule>`. A value is never clipped or replaced, and rounded only where the contract says
`round`: what does not fit is a reason, and the record goes to quarantine with all of its reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_, or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.contracts.columns import Column as ContractColumn
from assay.contracts.columns import Condition
from assay.contracts.model import Contract
from spark_jobs.transformations.text import CALENDAR, is_rounded, standardise, typed

LINEAGE = ["batch_id", "file_id", "source_file", "record_number", "ingested_at"]
HELD_BACK = "held_back"
ROUNDED = "rounded"
TEXT = "text of "
DECORATION = '_ "\ufeff'  # what a header may have around the letters of its names
VALUE_SEPARATOR, NULL_MARK, ESCAPE = "\u001f", "\u001e", "\u001d"


def column_rules(column: ContractColumn, text: Column) -> dict[str, Column]:
    """What must hold for this column: rule name → condition. Null satisfies all but `missing`."""
    value = F.col(column.name)
    rules: dict[str, Column] = {}
    required = _required(column)
    if required is not None and not (column.hash_of or column.categories):
        rules["missing"] = text.isNotNull() | ~required
    if column.type != "string":
        rules["unparseable"] = text.isNull() | value.isNotNull()
    if column.allowed:
        rules["unknown"] = value.isNull() | value.isin(*column.allowed)
    if column.max_length is not None and not column.is_vocabulary:
        rules["too_long"] = value.isNull() | (F.octet_length(value) <= column.max_length)
    first, last = CALENDAR.get(column.type, (None, None))
    bounds = [_inside(column, first, last, F.lit(True))]
    bounds += [_inside(column, column.minimum, column.maximum, F.lit(True))]
    bounds += [_inside(column, c.minimum, c.maximum, _holds(c)) for c in column.when]
    asked = [bound for bound in bounds if bound is not None]
    if asked:
        rules["out_of_range"] = reduce(and_, asked)
    return rules


def _required(column: ContractColumn) -> Column | None:
    """Where the column must have a value; None when it need not anywhere."""
    if not column.nullable:
        return F.lit(True)
    asked = [_holds(condition) for condition in column.when if not condition.nullable]
    return reduce(or_, asked) if asked else None


def _holds(condition: Condition) -> Column:
    return F.coalesce(F.col(condition.column).isin(*condition.values), F.lit(False))


def _inside(
    column: ContractColumn, minimum: str | None, maximum: str | None, where: Column
) -> Column | None:
    """Within the bounds, or not one of the rows that the bounds are for."""
    if minimum is None and maximum is None:
        return None
    value = F.col(column.name)
    low, high = (F.lit(bound).cast(column.type) for bound in (minimum, maximum))
    inside = F.coalesce(value >= low, F.lit(True)) & F.coalesce(value <= high, F.lit(True))
    return inside | ~where


def conform(
    bronze: DataFrame, contract: Contract, row_rules: Mapping[str, Column] | None = None
) -> DataFrame:
    """One typed row per bronze record, with `reasons` (empty when good) and `row_hash`.

    `row_rules` are the dataset's own named conditions over the typed columns.
    `raw` holds, for a record with reasons, its text as delivered, or its bronze columns as JSON.
    A reason in the column `held_back`, where bronze has it, keeps even a good record out.
    Columns out: the contract's, lineage, row_hash, reasons, raw, the struct `delivered`, and where
    columns may be rounded, `rounded`: the names of those that were.
    """
    texts = {c.name: F.col(f"`{TEXT}{c.name}`") for c in contract.columns}
    sources = [c.source or c.name for c in contract.columns]
    delivered = [name for name in dict.fromkeys(sources) if name in bronze.columns]
    absent = F.lit(None).cast("string")
    staged = bronze.select(
        *LINEAGE,
        "malformed_record",
        *([HELD_BACK] if HELD_BACK in bronze.columns else []),
        F.struct(*delivered).alias("delivered"),
        # Not one struct: each projection after this would copy it whole.
        *(
            standardise(F.col(source) if source in delivered else absent, c, contract.forms).alias(
                f"{TEXT}{c.name}"
            )
            for c, source in zip(contract.columns, sources, strict=True)
        ),
    )
    types = [typed(texts[c.name], c, contract.forms).alias(c.name) for c in contract.columns]
    with_types = _with_hashes(staged.select("*", *types), contract)
    reasons = _reasons(contract, texts, row_rules or {})
    if HELD_BACK in bronze.columns:
        reasons = F.concat(F.array_compact(F.array(HELD_BACK)), reasons)
    is_bad = F.size("reasons") > 0
    return with_types.withColumn("reasons", reasons).select(
        *contract.column_names,
        *LINEAGE,
        F.when(~is_bad, row_hash(contract)).alias("row_hash"),
        "reasons",
        F.when(is_bad, F.coalesce("malformed_record", F.to_json("delivered"))).alias("raw"),
        "delivered",
        *_rounded(contract, texts),
    )


def _rounded(contract: Contract, texts: Mapping[str, Column]) -> list[Column]:
    """The column `rounded`, of a contract with such columns."""
    asked = [
        F.when(is_rounded(texts[c.name], c, contract.forms), F.lit(c.name))
        for c in contract.rounded
    ]
    return [F.array_compact(F.array(*asked)).alias(ROUNDED)] if asked else []


def rounded_values(column: ContractColumn) -> Column:
    """Of judged records: how many values of the column were rounded, as `rounded_<column>`."""
    return F.count_if(F.array_contains(ROUNDED, column.name)).alias(f"rounded_{column.name}")


def _with_hashes(rows: DataFrame, contract: Contract) -> DataFrame:
    """Give what was not delivered the hash of the columns that the contract names."""
    for column in contract.columns:
        if column.hash_of:
            parts = [c for c in contract.columns if c.name in column.hash_of]
            made = F.concat(F.lit("h"), _hash(parts))
            rows = rows.withColumn(column.name, F.coalesce(column.name, made))
    return rows


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
    """True for a header line among the records: the keys hold the names of their columns.

    Where files were joined, a byte-order mark stands before it.
    """
    names = [c.source or c.name for c in contract.columns if c.name in contract.keys]
    texts = [(name.replace("_", ""), F.col(f"delivered.{name}")) for name in names]
    # A pattern taken out of every key is a fifth of all judging, so few keys come to that.
    may_be = [F.lower(F.left(text, F.lit(1))).isin(n[0], *DECORATION) for n, text in texts]
    are = [F.lower(F.regexp_replace(text, f"[{DECORATION}]", "")) == n for n, text in texts]
    return F.coalesce(reduce(and_, [*may_be, *are]), F.lit(False))


def row_hash(contract: Contract) -> Column:
    """SHA-256 of the business values in canonical text; equal exactly when the contents are.

    Values are joined by U+001F; null is U+001E, a timestamp its microseconds since the epoch, a
    decimal plain text with all digits of its scale. A text with one of the two is spelt otherwise,
    see `_unmistakable`. Lineage is never part of it.
    """
    return _hash(contract.columns)


def _hash(columns: Sequence[ContractColumn]) -> Column:
    canonical = [F.coalesce(_canonical(c), F.lit(NULL_MARK)) for c in columns]
    return F.sha2(F.concat_ws(VALUE_SEPARATOR, *canonical), 256)


def _canonical(column: ContractColumn) -> Column:
    value = F.col(column.name)
    if column.type == "string":
        return value if column.is_vocabulary else _unmistakable(value)
    return (F.unix_micros(value) if column.type == "timestamp" else value).cast("string")


def _unmistakable(text: Column) -> Column:
    """A text that holds U+001F or U+001E as one that no other value can be taken for.

    It begins with U+001E, has more after it, and no U+001F: neither null nor any other text does.
    """
    escaped = F.replace(text, F.lit(ESCAPE), F.lit(f"{ESCAPE}A"))
    escaped = F.replace(escaped, F.lit(VALUE_SEPARATOR), F.lit(f"{ESCAPE}C"))
    holds_one = text.contains(VALUE_SEPARATOR) | text.contains(NULL_MARK)
    return F.when(holds_one, F.concat(F.lit(NULL_MARK), escaped)).otherwise(text)

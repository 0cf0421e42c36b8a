"""The expectations that follow from other facts of a contract, in Great Expectations' own terms.

Verdicts are recorded by name: a rule that named its expectations otherwise would have today's
gates ask for what batches of before were never asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from assay.contracts.columns import DatasetColumn, Expect
from assay.contracts.model import Expectation

EQUAL = "expect_column_pair_values_to_be_equal"
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
NULL = "expect_column_values_to_be_null"
NOT_NULL = "expect_column_values_to_not_be_null"
UNIQUE = "expect_column_values_to_be_unique"
UNIQUE_TOGETHER = "expect_compound_columns_to_be_unique"
ROW_COUNT = "expect_table_row_count_to_be_between"

MOST_QUARANTINED = 0.1
SHARES = {0.1: "a tenth", 0.2: "a fifth", 0.25: "a quarter", 0.5: "half"}


def with_written(
    derived: Iterable[Expectation], written: Sequence[Expectation] | None
) -> tuple[Expectation, ...]:
    """The derived expectations of a contract, then those that its file has.

    A written expectation stands in the place of a derived one of the same name.
    """
    names = [each.name for each in written or ()]
    return (*(each for each in derived if each.name not in names), *(written or ()))


def of_bronze() -> Iterator[Expectation]:
    """The same of every dataset."""
    counted = {"column_A": "records_counted", "column_B": "records_in_bronze"}
    yield _strict("every record of every file is in bronze", "file_counts", EQUAL, **counted)
    listed = {"column": "in_manifest", "value_set": [True]}
    yield _strict("every file of the batch is in bronze", "file_counts", IN_SET, **listed)
    yield _strict("the batch has records", "rows", ROW_COUNT, min_value=1)
    first = {"column": "record_number", "min_value": 1}
    yield _strict("record numbers start at one", "rows", BETWEEN, **first)
    few = {"column": "malformed_record", "mostly": 0.9}
    yield _expectation("few records are malformed", "rows", NULL, **few)
    none = {"column": "unknown_columns", "value_set": [0]}
    warning = _expectation("no unknown column", "file_counts", IN_SET, **none)
    yield replace(warning, severity="warn")


def of_silver(
    keys: Sequence[str],
    one_row_per: str | None,
    event_time: str,
    most_quarantined: float,
    columns: Sequence[DatasetColumn],
) -> Iterator[Expectation]:
    """What follows from the classes of records, from the key, and from the columns."""
    some = {"column": "good", "min_value": 1}
    yield _strict("the batch has a good record", "classes", BETWEEN, **some)
    pair = {"column_A": "records", "column_B": "classified"}
    yield _strict("every record has exactly one class", "classes", EQUAL, **pair)
    share = SHARES.get(most_quarantined, f"{most_quarantined:.1%}")
    yield _expectation(
        f"at most {share} of the records is quarantined",
        "records",
        NULL,
        column="quarantined_for",
        mostly=round(1 - most_quarantined, 6),
    )
    yield _unique(keys, one_row_per)
    # A key is expected to be there, whether a name is given for that or not.
    named = [(c, _of_key(c) if c.name in keys else c.expect) for c in columns]
    yield from _of_values(named, {*keys, event_time})


def of_gold(
    keys: Sequence[str], one_row_per: str | None, totals: Mapping[str, str]
) -> Iterator[Expectation]:
    """What follows from the key and the totals.

    A column that counts the rows of the only dataset says that a group has some; where there are
    several datasets, a group may have none of one.
    """
    yield _unique(keys, one_row_per)
    if totals:
        pair = {"column_A": "gold", "column_B": "silver"}
        yield _strict("totals equal silver", "totals", EQUAL, **pair)
    for column, summed in totals.items():
        if summed == "rows":
            some = {"column": column, "min_value": 1}
            yield _expectation(f"a group has {column}", "rows", BETWEEN, **some)


def _of_key(column: DatasetColumn) -> Expect:
    name = column.expect.not_null or f"every row has {column.name}"
    return replace(column.expect, not_null=name)


def _unique(keys: Sequence[str], one_row_per: str | None) -> Expectation:
    name = f"one row per {one_row_per or ' and '.join(keys)}"
    if len(keys) == 1:
        return _strict(name, "rows", UNIQUE, column=keys[0])
    # No row is left out, so that those looked at need not be counted for it.
    return _strict(name, "rows", UNIQUE_TOGETHER, column_list=[*keys], ignore_row_if="never")


def _of_values(
    named: Sequence[tuple[DatasetColumn, Expect]], never_null: set[str]
) -> Iterator[Expectation]:
    """What a column's `expect` names: that it is there, in its vocabulary, within its bounds.

    An override cannot let a row pass that has no key, or no time to tell its versions by.
    """
    for column, expect in named:
        if expect.not_null:
            make = _strict if column.name in never_null else _expectation
            yield make(expect.not_null, "rows", NOT_NULL, column=column.name)
    for column, expect in named:
        if expect.known:
            known = column.allowed or dict.fromkeys(column.categories.values())
            yield _expectation(expect.known, "rows", IN_SET, column=column.name, value_set=[*known])
    for column, expect in named:
        if expect.in_range:
            bounds = {"min_value": column.minimum, "max_value": column.maximum}
            given = {key: _number(bound) for key, bound in bounds.items() if bound is not None}
            yield _expectation(expect.in_range, "rows", BETWEEN, column=column.name, **given)


def _number(bound: str) -> int | float | str:
    """A bound as Great Expectations compares it; that of a date or a time stays a text."""
    try:
        number = Decimal(bound)
    except InvalidOperation:
        return bound
    return int(number) if number == int(number) else float(number)


def _strict(name: str, frame: str, type: str, **kwargs: Any) -> Expectation:
    return replace(_expectation(name, frame, type, **kwargs), overridable=False)


def _expectation(name: str, frame: str, type: str, **kwargs: Any) -> Expectation:
    return Expectation(name, type, frame, kwargs)

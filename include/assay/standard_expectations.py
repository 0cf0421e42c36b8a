"""The expectations that follow from other facts of a contract, in Great Expectations' own terms.

Verdicts are recorded by name: a rule that named its expectations otherwise would have today's
gates ask for what batches of before were never asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from assay.facts import Facts

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


def all_expectations(layer: str, facts: Facts) -> list[Facts]:
    """The derived expectations of a contract, then those that its file has.

    A written expectation stands in the place of a derived one of the same name.
    """
    written = facts.get("expectations") or []
    derived = [*{"bronze": _of_bronze, "silver": _of_silver, "gold": _of_gold}[layer](facts)]
    names = [each["name"] for each in written]
    return [*(each for each in derived if each["name"] not in names), *written]


def _of_bronze(_: Facts) -> Iterator[Facts]:
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
    yield {**_expectation("no unknown column", "file_counts", IN_SET, **none), "severity": "warn"}


def _of_silver(facts: Facts) -> Iterator[Facts]:
    some = {"column": "good", "min_value": 1}
    yield _strict("the batch has a good record", "classes", BETWEEN, **some)
    pair = {"column_A": "records", "column_B": "classified"}
    yield _strict("every record has exactly one class", "classes", EQUAL, **pair)
    share = facts.get("most_quarantined", MOST_QUARANTINED)
    yield _expectation(
        f"at most {SHARES.get(share, f'{share:.1%}')} of the records is quarantined",
        "records",
        NULL,
        column="quarantined_for",
        mostly=round(1 - share, 6),
    )
    yield _unique(facts)
    yield from _of_values({**facts, "columns": [_with_key(c, facts) for c in facts["columns"]]})


def _with_key(column: Facts, facts: Facts) -> Facts:
    """A key is expected to be there, whether a name is given for that or not."""
    if column["name"] not in (facts.get("keys") or []):
        return column
    default = {"not_null": f"every row has {column['name']}"}
    return {**column, "expect": default | column.get("expect", {})}


def _of_gold(facts: Facts) -> Iterator[Facts]:
    yield _unique(facts)
    yield from _of_values(facts)
    if facts.get("totals"):
        pair = {"column_A": "gold", "column_B": "silver"}
        yield _strict("totals equal silver", "totals", EQUAL, **pair)


def _unique(facts: Facts) -> Facts:
    keys = facts.get("keys") or []
    name = f"one row per {facts.get('one_row_per') or ' and '.join(keys)}"
    if len(keys) == 1:
        return _strict(name, "rows", UNIQUE, column=keys[0])
    return _strict(name, "rows", UNIQUE_TOGETHER, column_list=[*keys])


def _of_values(facts: Facts) -> Iterator[Facts]:
    """What a column's `expect` names: that it is there, in its vocabulary, within its bounds.

    An override cannot let a row pass that has no key, or no time to tell its versions by.
    """
    never_null = {*(facts.get("keys") or []), facts.get("event_time")}
    columns = [(column, column.get("expect", {})) for column in facts["columns"]]
    for column, names in columns:
        if "not_null" in names:
            make = _strict if column["name"] in never_null else _expectation
            yield make(names["not_null"], "rows", NOT_NULL, column=column["name"])
    for column, names in columns:
        if "known" in names:
            known = column.get("allowed") or dict.fromkeys(column["categories"].values())
            kwargs = {"column": column["name"], "value_set": [*known]}
            yield _expectation(names["known"], "rows", IN_SET, **kwargs)
    for column, names in columns:
        if "in_range" in names:
            kwargs = {"column": column["name"], **_bounds(column)}
            yield _expectation(names["in_range"], "rows", BETWEEN, **kwargs)


def _bounds(column: Facts) -> Facts:
    bounds = {"min_value": column.get("minimum"), "max_value": column.get("maximum")}
    return {name: _number(bound) for name, bound in bounds.items() if bound is not None}


def _number(bound: str) -> int | float | str:
    """A bound as Great Expectations compares it; that of a date or a time stays a text."""
    try:
        number = Decimal(bound)
    except InvalidOperation:
        return bound
    return int(number) if number == int(number) else float(number)


def _strict(name: str, frame: str, type: str, **kwargs: Any) -> Facts:
    return {**_expectation(name, frame, type, **kwargs), "overridable": False}


def _expectation(name: str, frame: str, type: str, **kwargs: Any) -> Facts:
    return {"name": name, "frame": frame, "type": type, "kwargs": kwargs}

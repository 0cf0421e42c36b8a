"""What is wrong with a contract that was loaded: facts that contradict each other, or the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.contract import Column, Contract

TYPES = {"string", "int", "bigint", "date", "timestamp", "boolean"}
MOST = {"array_bytes": 64 << 20, "json_values": 10_000_000, "nesting": 900}  # Spark reads no more
STANDARDS = ("trim", "upper", "lower", "as_delivered")
ON_EQUAL_VERSION = ("conflict", "latest_delivery")
# A B-tree of Postgres refuses a row of more than 2,704 bytes; its header and those of five texts
# take some of them.
INDEX_ROW_BYTES = 2_600
# What a contract of a layer cannot be without, besides what every contract has.
ASKED = {
    "bronze": ("source",),
    "silver": ("keys", "event_time"),
    "gold": ("datasets", "keys"),
}


def faults_of(contract: Contract) -> Iterator[str]:
    """Each fault in a few words; nothing when the contract is sound."""
    yield from _layer_faults(contract)
    for column in contract.columns:
        yield from _column_faults(contract, column)
    yield from _reference_faults(contract)
    yield from _duration_faults(contract)
    seconds = contract.source.settle_seconds if contract.source else 0
    if isinstance(seconds, bool) or not (isinstance(seconds, int | float) and 0 <= seconds <= 3600):
        yield f"source: settle_seconds is {seconds!r}, not a number from 0 to 3600"
    for name, limit in asdict(contract.limits).items():
        if not (isinstance(limit, int) and 0 < limit <= MOST.get(name, limit)):
            yield f"source.limits.{name}: {limit!r} is not from 1 to {MOST.get(name, 'any number')}"


def _layer_faults(contract: Contract) -> Iterator[str]:
    for name in ASKED[contract.layer]:
        if not getattr(contract, name):
            yield f"a contract of {contract.layer} needs {name}"
    if not contract.expectations:
        yield "expectations are empty; a gate without expectations proves nothing"
    names = [expectation.name for expectation in contract.expectations]
    for expectation in contract.expectations:
        if names.count(expectation.name) > 1:
            yield f"expectation {expectation.name!r} is given twice; verdicts go by name"
        if expectation.severity not in ("fail", "warn"):
            yield f"expectation {expectation.name!r}: severity is fail or warn"
    if contract.on_equal_version not in ON_EQUAL_VERSION:
        yield f"on_equal_version is one of {', '.join(ON_EQUAL_VERSION)}"
    longest = sum(c.max_length or 0 for c in contract.columns if c.name in contract.keys)
    if longest > INDEX_ROW_BYTES:
        yield (
            f"the texts of the key may have {longest:,} bytes, and an index row of Postgres holds "
            f"{INDEX_ROW_BYTES:,}; give them a max_length"
        )


def _column_faults(contract: Contract, column: Column) -> Iterator[str]:
    if contract.column_names.count(column.name) > 1:
        yield f"column {column.name} is given twice"
    if column.type not in TYPES and not column.is_decimal:
        yield f"column {column.name}: type {column.type} is not one of {sorted(TYPES)}"
    if column.standardise not in STANDARDS:
        yield f"column {column.name}: standardise is one of {', '.join(STANDARDS)}"
    if column.max_length is not None and not (
        column.type == "string" and isinstance(column.max_length, int) and column.max_length > 0
    ):
        yield f"column {column.name}: max_length is a number of bytes, and of a string only"
    bounds = [column.minimum, column.maximum]
    bounds += [bound for each in column.when for bound in (each.minimum, each.maximum)]
    for bound in bounds:
        if bound is not None and not _is_bound(column, bound):
            yield f"column {column.name}: bound {bound!r} must be a value of its type, as a text"


def _is_bound(column: Column, bound: str) -> bool:
    is_number = column.is_decimal or column.type in ("int", "bigint")
    try:
        return isinstance(bound, str) and (not is_number or Decimal(bound).is_finite())
    except InvalidOperation:
        return False


def _reference_faults(contract: Contract) -> Iterator[str]:
    known = {*contract.column_names, ""}
    named = [*contract.keys, contract.event_time, contract.sequence, *contract.totals]
    for column in contract.columns:
        named += [*column.hash_of, *(condition.column for condition in column.when)]
    for name in [*named, contract.partition_by]:
        if name not in known:
            yield f"{name} is named as key, time, total or condition but is no column"
    for shape in (contract.source.shapes if contract.source else {}).values():
        for name in shape.keys() - known:
            yield f"{name} has a header in a shape but is no column"


def _duration_faults(contract: Contract) -> Iterator[str]:
    for name in ("retention_days", "archive_days", "history_days", "expect_every_days"):
        days = getattr(contract, name)
        is_forever = days is None and name != "retention_days"
        if not is_forever and not (isinstance(days, int) and days > 0):
            yield f"{name}: {days!r} is no number of days"

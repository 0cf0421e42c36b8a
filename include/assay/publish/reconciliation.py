"""The equations that hold before anything is published. Counts and exact decimals, never floats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from assay.batch.results import RECORD_CLASSES
from assay.contracts.model import Contract
from assay.errors import ReconciliationError

# Count under `rows`, sums under the names of their columns.
Measures = Mapping[str, Decimal]


def read_measures(totals: Mapping[str, str | int | float | None]) -> dict[str, Decimal]:
    """Measures from JSON: whole numbers, or decimals as text; null is the sum of no rows.

    A float is refused: it is not exact.
    """
    for name, value in totals.items():
        if isinstance(value, float):
            raise ReconciliationError(
                f"{name}: {value!r} is a float; sums are texts, to stay exact"
            )
    return {name: Decimal(value or 0) for name, value in totals.items()}


def require_equal(equation: str, left: Decimal | int, right: Decimal | int) -> None:
    """Raise ReconciliationError, with the equation and both its sides, unless they are equal."""
    if left != right:
        raise ReconciliationError(
            f"{equation}: {left} is not {right} (they differ by {left - right});"
            " nothing is published"
        )


def check_ledger(
    batch_id: str,
    classes: Mapping[str, Mapping[str, int]],
    counted: Mapping[str, int] | None = None,
) -> None:
    """Per file and per batch: records = new + updated + duplicate + superseded + quarantined.

    `counted` holds the records of each file as accept_files counted them, independent of Spark.
    """
    for slice_id, counts in classes.items():
        where = f"batch {batch_id}, file {slice_id}"
        _check_balance(where, counts)
        if counted is not None:
            records = counted.get(slice_id, 0)
            require_equal(
                f"{where}: records in silver = records counted", counts["records"], records
            )
    if counted is not None:
        for slice_id in counted.keys() - classes.keys():
            where = f"batch {batch_id}, file {slice_id}"
            require_equal(f"{where}: records in silver = records counted", 0, counted[slice_id])
    _check_balance(f"batch {batch_id}", sum_classes(classes))


def _check_balance(where: str, counts: Mapping[str, int]) -> None:
    for name in RECORD_CLASSES:
        if counts[name] < 0:
            raise ReconciliationError(f"{where}: {name} is {counts[name]}, below zero")
    require_equal(
        f"{where}: records = {' + '.join(RECORD_CLASSES)}",
        counts["records"],
        sum(counts[name] for name in RECORD_CLASSES),
    )


def sum_classes(classes: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """The ledger of a batch from those of its files."""
    names = ("records", *RECORD_CLASSES)
    return {name: sum(counts[name] for counts in classes.values()) for name in names}


def check_silver(
    table: str,
    *,
    before: Measures,
    after: Measures,
    new_rows: int,
    sums: Mapping[str, Measures],
    money: Sequence[str],
) -> None:
    """What silver gained is what the change set brought, in rows and in every money column."""
    require_equal(
        f"{table}: rows after - rows before = new", after["rows"] - before["rows"], new_rows
    )
    for column in money:
        gained = sums["new"][column] + sums["updated"][column] - sums["replaced"][column]
        require_equal(
            f"{table}.{column}: sum after - sum before = new + updated - replaced",
            after[column] - before[column],
            gained,
        )


def check_gold(contract: Contract, dataset: str, *, gold: Measures, silver: Measures) -> None:
    """The totals of a gold table are those of a dataset's silver, as its contract pairs them."""
    for gold_column, silver_column in contract.totals_of(dataset).items():
        require_equal(
            f"sum of {contract.table}.{gold_column} = silver {silver_column}",
            gold[gold_column],
            silver[silver_column],
        )


def check_same(left_name: str, left: Measures, right_name: str, right: Measures) -> None:
    """Two stores, or two engines, measure the same of every measure that the right one has."""
    for measure, value in right.items():
        require_equal(f"{measure} of {left_name} = {right_name}", left[measure], value)

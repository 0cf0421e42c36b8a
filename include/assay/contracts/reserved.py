"""Names that no column of a contract can have: rows get columns of these names on their way.

Spark does not tell upper from lower case in names, so neither does this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.contracts.columns import DatasetColumn, Value
from assay.contracts.facts import Fault
from assay.contracts.lineage import LINEAGE, SLICE_ID_IN_LAKE

# Where a row is from: the same in every layer, so a number can be followed down by name.
OF_LINEAGE = frozenset(
    {*(column.name for column in LINEAGE), SLICE_ID_IN_LAKE, "ingested_at", "row_hash", "row_id"}
)
IN_BRONZE = OF_LINEAGE | {
    *("malformed_record", "unknown_columns", "file_name", "_metadata"),
    *("held_back", "held_id", "held_how", "allowed_id", "allowed_batch"),
}
IN_SILVER = OF_LINEAGE | {
    *("reasons", "raw", "delivered", "text", "malformed_record", "held_back"),
    *("deleted", "class", "settled", "replaced", "version", "place", "delivery"),
    *("alone", "leads", "is_copy"),
    *("first_version", "first_hash", "first_place", "same_as_silver"),
    *("base_row", "base_version", "base_hash", "base_place"),
}
WHERE_ROUNDED = frozenset({"rounded"})  # of silver, where a column has `round`
IN_GOLD = OF_LINEAGE | {"deleted", "stays"}
IN_POSTGRES = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})  # of every table
ALL = IN_BRONZE | IN_SILVER | WHERE_ROUNDED | IN_GOLD | IN_POSTGRES


def free_name(name: str) -> str:
    """What to call a column whose name is reserved."""
    return f"{name}_value"


def reserved_in_dataset(columns: Sequence[DatasetColumn], *, is_served: bool) -> Iterator[Fault]:
    """A fault for each column with a name that its rows in bronze or silver have a use for."""
    in_silver = IN_SILVER | (IN_POSTGRES if is_served else frozenset())
    if any(column.round for column in columns):
        in_silver |= WHERE_ROUNDED
    for number, column in enumerate(columns):
        in_bronze = not column.source and column.name.casefold() in IN_BRONZE
        if in_bronze or (column.only is None and column.name.casefold() in in_silver):
            spelling = f", and name its spelling in the file: header: {column.name}"
            yield _fault(number, column.name, "" if column.source else spelling)


def reserved_in_gold(columns: Sequence[Value]) -> Iterator[Fault]:
    """A fault for each column with a name that rows of gold have a use for."""
    for number, column in enumerate(columns):
        if column.name.casefold() in IN_GOLD | IN_POSTGRES:
            yield _fault(number, column.name, "")


def _fault(number: int, name: str, spelling: str) -> Fault:
    words = f"{name} is reserved: rows get a column of that name on their way"
    return (
        ("columns", number, "name"),
        f"{words}; call the column {free_name(name)}{spelling}",
    )

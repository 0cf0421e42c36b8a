"""What is wrong between the columns, keys and expectations of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from assay.contracts.columns import DatasetColumn, Read, Value
from assay.contracts.facts import Fault, nearest
from assay.contracts.model import Expectation

# The longest text of a key, in bytes of UTF-8, unless its column says otherwise: five of them fit
# an index row of Postgres, whose B-tree refuses a row of more than 2,704 bytes; its header and
# those of the texts take some of them.
KEY_BYTES = 512
INDEX_ROW_BYTES = 2_600


def length_in_index(column: Value, keys: Collection[str]) -> int | None:
    """The most bytes of a column's texts; those of a key have an end in any case."""
    if column.name in keys and column.type == "string" and column.max_length is None:
        return KEY_BYTES
    return column.max_length


def key_faults(keys: Sequence[str], columns: Sequence[Value]) -> Iterator[Fault]:
    """Keys have to be columns, and short enough for an index together."""
    names = [column.name for column in columns]
    for number, key in enumerate(keys):
        yield from unless_one_of(("keys", number), key, names)
    longest = sum(length_in_index(c, keys) or 0 for c in columns if c.name in keys)
    if longest > INDEX_ROW_BYTES:
        yield (
            ("keys",),
            f"the texts of the key may have {longest:,} bytes, and an index row of Postgres holds "
            f"{INDEX_ROW_BYTES:,}; give them a max_length",
        )


def reference_faults(columns: Sequence[Read], names: Collection[str]) -> Iterator[Fault]:
    """Other columns that a column goes by have to be there."""
    for number, column in enumerate(columns):
        for position, name in enumerate(column.hash_of):
            yield from unless_one_of(("columns", number, "hash_of", position), name, names)
        for position, condition in enumerate(column.when):
            place = ("columns", number, "when", position, "column")
            yield from unless_one_of(place, condition.column, names)


def unless_one_of(
    place: tuple[str | int, ...], name: str, columns: Collection[str]
) -> Iterator[Fault]:
    """A fault if a column is named that is none; an empty name names none."""
    if name and name not in columns:
        yield place, f"there is no column {name}{nearest(name, columns)}"


def twice_named(columns: Sequence[Value], *layers: Sequence[str]) -> Iterator[Fault]:
    """A name may be given once in each layer: the last column of the name is told."""
    counts = [Counter(names) for names in layers]
    for number, column in enumerate(columns):
        is_last = all(each.name != column.name for each in columns[number + 1 :])
        if is_last and any(count[column.name] > 1 for count in counts):
            yield ("columns", number, "name"), f"{column.name} is given twice"


def twice_spelt(columns: Sequence[DatasetColumn], shapes: Sequence[str]) -> Iterator[Fault]:
    """Values of a topic may be of any shape, so in all of them a name is that of one column."""
    owner: dict[str, str] = {}
    for column in columns:
        spelt = {column.headers.get(shape) or column.header or column.name for shape in shapes}
        for name in sorted(spelt):
            other = owner.setdefault(name.strip().casefold(), column.name)
            if other != column.name:
                words = f"{name} is a name of {other} in one shape and of {column.name} in another"
                yield ("source", "stream", "values"), f"{words}, so a value of JSON is ambiguous"


def twice_expected(expectations: Sequence[Expectation]) -> Iterator[Fault]:
    """Verdicts go by the name of an expectation."""
    for name, count in Counter(each.name for each in expectations).items():
        if count > 1:
            yield ("expectations",), f"{name!r} is given twice; verdicts go by name"

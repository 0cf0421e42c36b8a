"""Where a delivered file has the columns of a bronze contract: an auditor's own reading of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.contracts.columns import Column
from assay.contracts.model import Contract

Names = dict[str, str]  # column of bronze → name in the file


def fold(name: str) -> str:
    """Names that differ only in case and in the blanks around them are one."""
    return name.strip().casefold()


def nearest_names(header: Iterable[str], contract: Contract) -> Names:
    """The names that columns have in the shape of the contract that fits a header best.

    Fits best: the fewest required columns are missing, then the most columns are found.
    """
    known = {fold(name) for name in header}
    shapes = contract.source.shapes if contract.source else {"": {}}
    candidates = [_names_in(contract, shape) for shape in shapes.values()]

    def distance(names: Names) -> tuple[int, int]:
        missing = [c for c in contract.columns if c.required and fold(names[c.name]) not in known]
        return len(missing), -sum(fold(name) in known for name in names.values())

    return min(candidates, key=distance)


def _names_in(contract: Contract, shape: Names) -> Names:
    return {column.name: shape.get(column.name, _own_name(column)) for column in contract.columns}


def every_name(contract: Contract) -> list[list[str]]:
    """For each column the names that it has in any shape: values of a topic may be of each."""
    shapes = contract.source.shapes if contract.source else {"": {}}
    names = [_names_in(contract, shape) for shape in shapes.values()]
    return [[*dict.fromkeys(each[c.name] for each in names)] for c in contract.columns]


def _own_name(column: Column) -> str:
    return column.header or column.name


def places(header: Sequence[str], contract: Contract) -> list[int | None]:
    """For each column of the contract the position in the header; None when it has none."""
    exact = {name: at for at, name in reversed([*enumerate(header)])}
    loose = {fold(name): at for at, name in reversed([*enumerate(header)])}
    names = nearest_names(header, contract)
    return [
        exact.get(names[column.name], loose.get(fold(names[column.name])))
        for column in contract.columns
    ]

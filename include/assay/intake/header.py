"""The header of a delivered file: columns are matched by name, never by position.

The header of JSON are the names of the fields of all its records. No record has to have them all,
so an odd name is the business of its record, and never of the file.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping

from assay.contracts.columns import Column
from assay.contracts.model import Contract
from assay.errors import FileRejectedError

OTHER_DELIMITERS = ",;\t|"
RESERVED = ("malformed_record", "_metadata")  # what Spark and bronze call columns of their own


def match_header(header: list[str], contract: Contract) -> dict[str, int]:
    """Position of each contract column that the header has, by column name.

    The header is read by the shape of the contract that fits it best. A name matches exactly,
    else without regard to case and surrounding space. Header columns that no contract column
    matches are unknown: they are drift, not an error.
    """
    return match_shape(header, contract, nearest_shape(header, contract))


def spellings(header: list[str], contract: Contract) -> dict[str, list[str]]:
    """The names under which records of JSON may have each column, by column name.

    The name of the contract comes first, then every other spelling of it in the header.
    """
    shape = nearest_shape(header, contract)
    by_fold: dict[str, list[str]] = {}
    for name in header:
        by_fold.setdefault(_fold(name), []).append(name)
    found = {}
    for column in contract.columns:
        name = delivered_name(column, contract, shape)
        found[column.name] = [*dict.fromkeys([name, *sorted(by_fold.get(_fold(name), []))])]
    return found


def value_header(contract: Contract) -> list[str]:
    """The columns of a record of CSV that comes without a header: those of the contract."""
    return [column.header or column.name for column in contract.columns]


def value_spellings(header: list[str], contract: Contract) -> dict[str, list[str]]:
    """The names under which a value of a stream may have each column, by column name.

    Producers of several shapes share a topic, so it is any name that a shape has for the column;
    and of the names in the header every other spelling of these.
    """
    found = {}
    for column in contract.columns:
        names = [*dict.fromkeys(delivered_name(column, contract, s) for s in _shapes(contract))]
        folded = {*map(_fold, names)}
        others = sorted(name for name in header if _fold(name) in folded)
        found[column.name] = [*dict.fromkeys([*names, *others])]
    return found


def names_of_shape(contract: Contract, shape: str) -> set[str]:
    """The names of the columns in one shape, folded."""
    return {_fold(delivered_name(column, contract, shape)) for column in contract.columns}


def known_names(contract: Contract) -> set[str]:
    """The name of every column in every shape, folded as `is_known` compares it."""
    return {name for shape in _shapes(contract) for name in names_of_shape(contract, shape)}


def is_known(name: str, known: set[str]) -> bool:
    """Whether a delivered name is that of a column."""
    return _fold(name) in known


def match_shape(header: list[str], contract: Contract, shape: str) -> dict[str, int]:
    """Position of each contract column that the header has, as files of this shape name it."""
    exact = {name: position for position, name in enumerate(header)}
    loose = {_fold(name): position for position, name in enumerate(header)}
    found: dict[str, int] = {}
    for column in contract.columns:
        delivered = delivered_name(column, contract, shape)
        position = exact.get(delivered, loose.get(_fold(delivered)))
        if position is not None:
            found[column.name] = position
    return found


def nearest_shape(header: list[str], contract: Contract) -> str:
    """The shape that misses the fewest required columns, and of those the one that finds most."""
    return nearest_shapes(header, contract)[0]


def nearest_shapes(header: list[str], contract: Contract) -> list[str]:
    """All shapes that fit a header as well as the nearest one, in the order of the contract."""

    def distance(shape: str) -> tuple[int, int]:
        found = match_shape(header, contract, shape)
        return len(_missing(contract, found)), -len(found)

    shapes = _shapes(contract)
    if len(shapes) == 1:
        return [*shapes]
    distances = {shape: distance(shape) for shape in shapes}
    nearest = min(distances.values())
    return [shape for shape in shapes if distances[shape] == nearest]


def _missing(contract: Contract, found: Mapping[str, int]) -> list[Column]:
    return [c for c in contract.columns if c.required and c.name not in found]


def require_columns(header: list[str], contract: Contract) -> None:
    """Raise FileRejectedError when a required column is not in the header."""
    missing = _missing(contract, match_header(header, contract))
    if missing:
        raise FileRejectedError(
            _missing_reason(header, contract, missing, delimiter=contract.dialect.delimiter)
        )


def check_header(header: list[str], contract: Contract) -> None:
    """Raise FileRejectedError when the records of a file could not be told apart by this header."""
    require_columns(header, contract)
    for position, name in enumerate(header, start=1):
        if not name.strip():
            raise FileRejectedError(f"header column {position} has no name")
        if "\n" in name or "\r" in name:
            raise FileRejectedError(f"header column {position} has a line break: {name!r}")
        if _fold(name) in RESERVED:
            raise FileRejectedError(f"header column {position} is called {name}, a reserved name")
    repeated = [name for name, count in Counter(map(_fold, header)).items() if count > 1]
    if repeated:
        names = ", ".join(repr(name) for name in header if _fold(name) in repeated)
        raise FileRejectedError(f"header column given twice: {names}")


def header_by_position(first: list[str], contract: Contract) -> list[str]:
    """The names of the columns of a file that has no header, by its first record.

    Raises FileRejectedError when that record has another number of fields than there are columns.
    """
    names = value_header(contract)
    if len(first) != len(names):
        told = _other_delimiter(first, contract.dialect.delimiter)
        raise FileRejectedError(
            told
            or f"the first record has {len(first)} fields, not {len(names)}; columns of a file"
            f" without a header go by position: {', '.join(names)}"
        )
    return names


def _other_delimiter(header: list[str], delimiter: str) -> str:
    for other in OTHER_DELIMITERS:
        if len(header) == 1 and other != delimiter and other in header[0]:
            return f"columns are separated by {other!r}, not by {delimiter!r}"
    return ""


def _missing_reason(
    header: list[str], contract: Contract, missing: list[Column], *, delimiter: str
) -> str:
    if told := _other_delimiter(header, delimiter):
        return told
    if len(missing) == sum(column.required for column in contract.columns):
        first = ", ".join(repr(name[:40]) for name in header[:3])
        return f"no header: no required column found; the first record begins {first}"
    shape = nearest_shape(header, contract)
    known = {header[at] for at in match_header(header, contract).values()}
    loose = {_fold(name): name for name in header if name not in known}
    parts = []
    for column in missing:
        name = delivered_name(column, contract, shape)
        near = difflib.get_close_matches(_fold(name), loose, n=1)
        parts.append(f"{name} (nearest: {loose[near[0]]!r})" if near else name)
    of_shape = f" of the nearest shape, {shape}" if shape else ""
    return f"required column missing{of_shape}: {', '.join(parts)}"


def delivered_name(column: Column, contract: Contract, shape: str) -> str:
    """What files of a shape call a column."""
    return _shapes(contract)[shape].get(column.name, column.header or column.name)


def _shapes(contract: Contract) -> dict[str, dict[str, str]]:
    return contract.source.shapes if contract.source else {"": {}}


def _fold(name: str) -> str:
    return name.strip().casefold()

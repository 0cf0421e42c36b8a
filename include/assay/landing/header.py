"""The header of a delivered file: columns are matched by name, never by position."""

from __future__ import annotations

import difflib
from collections import Counter

from assay.contract import Column, Contract
from assay.errors import FileRejectedError

OTHER_DELIMITERS = ";\t|"


def match_header(header: list[str], contract: Contract) -> dict[str, int]:
    """Position of each contract column that the header has, by column name.

    A name matches exactly, else without regard to case and surrounding space. Header columns
    that no contract column matches are unknown: they are drift, not an error.
    """
    exact = {name: position for position, name in enumerate(header)}
    loose = {_fold(name): position for position, name in enumerate(header)}
    found: dict[str, int] = {}
    for column in contract.columns:
        delivered = _delivered_name(column)
        position = exact.get(delivered, loose.get(_fold(delivered)))
        if position is not None:
            found[column.name] = position
    return found


def check_header(header: list[str], contract: Contract) -> None:
    """Raise FileRejectedError when the records of a file could not be told apart by this header."""
    found = match_header(header, contract)
    missing = [c for c in contract.columns if c.required and c.name not in found]
    if missing:
        raise FileRejectedError(
            _missing_reason(header, contract, missing, delimiter=_delimiter(contract))
        )
    for position, name in enumerate(header, start=1):
        if not name.strip():
            raise FileRejectedError(f"header column {position} has no name")
        if "\n" in name or "\r" in name:
            raise FileRejectedError(f"header column {position} has a line break: {name!r}")
    repeated = [name for name, count in Counter(map(_fold, header)).items() if count > 1]
    if repeated:
        names = ", ".join(repr(name) for name in header if _fold(name) in repeated)
        raise FileRejectedError(f"header column given twice: {names}")


def _missing_reason(
    header: list[str], contract: Contract, missing: list[Column], *, delimiter: str
) -> str:
    for other in OTHER_DELIMITERS:
        if len(header) == 1 and other != delimiter and other in header[0]:
            return f"columns are separated by {other!r}, not by {delimiter!r}"
    if len(missing) == sum(column.required for column in contract.columns):
        first = ", ".join(repr(name[:40]) for name in header[:3])
        return f"no header: no required column found; the first record begins {first}"
    known = {header[at] for at in match_header(header, contract).values()}
    loose = {_fold(name): name for name in header if name not in known}
    parts = []
    for column in missing:
        name = _delivered_name(column)
        near = difflib.get_close_matches(_fold(name), loose, n=1)
        parts.append(f"{name} (nearest: {loose[near[0]]!r})" if near else name)
    return f"required column missing: {', '.join(parts)}"


def _delivered_name(column: Column) -> str:
    return column.header or column.name


def _delimiter(contract: Contract) -> str:
    return contract.source.delimiter if contract.source else ","


def _fold(name: str) -> str:
    return name.strip().casefold()

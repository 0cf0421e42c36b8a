"""Names of columns, made from the headers of files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import duckdb

from assay.contracts.reserved import ALL, free_name

LONGEST = 60  # bytes; Postgres cuts a name off at 63
SPELT_OUT = str.maketrans({"\u00df": "ss", "\u00e6": "ae", "\u00f8": "o", "\u0142": "l"})


def column_names(headers: Sequence[str]) -> list[str]:
    """One name for each header; of a nested field `outer.inner` its inner name, if that is free."""
    short = [_snake(header.rpartition(".")[2]) for header in headers]
    whole = [_snake(header) for header in headers]
    names: list[str] = []
    for at, header in enumerate(headers):
        name = short[at] if "." in header and short.count(short[at]) == 1 else whole[at]
        names.append(_unique(_allowed(name), names))
    return names


def _snake(header: str) -> str:
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header.strip()).casefold().translate(SPELT_OUT)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:LONGEST]


def _allowed(name: str) -> str:
    """The name, changed where SQL or a table on the way has another meaning for it."""
    if not name or name[0].isdigit():
        name = f"column_{name}".rstrip("_")
    return free_name(name) if name in ALL or name in reserved_words() else name


@cache
def reserved_words() -> set[str]:
    """Words that are no name of a column without quotes: of DuckDB, whose grammar is Postgres'."""
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    with duckdb.connect() as database:
        return {word for (word,) in database.execute(query).fetchall()}


def _unique(name: str, names: Sequence[str]) -> str:
    number, unique = 1, name
    while unique in names:
        number += 1
        unique = f"{name}_{number}"
    return unique

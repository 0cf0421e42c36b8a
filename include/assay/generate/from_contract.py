"""What a generator takes from the contract of its dataset: headers, and how a row is hashed."""

from __future__ import annotations

from collections.abc import Mapping

from assay.contracts.columns import Column
from assay.contracts.load import load_contract

NULL = "chr(30)"


def delivered_fields(dataset: str, shape: str = "") -> dict[str, str]:
    """Each header of a file, in one shape of the feed, and the silver column of its text."""
    taken: dict[str, str] = {}
    for column in load_contract("silver", dataset).columns:
        taken.setdefault(column.source or column.name, column.name)
    bronze = load_contract("bronze", dataset)
    spelled = bronze.source.shapes.get(shape, {}) if bronze.source else {}
    return {spelled.get(c.name) or c.header or c.name: taken[c.name] for c in bronze.columns}


def hash_texts(dataset: str, hashed: Mapping[str, str]) -> tuple[str, ...]:
    """SQL of the text by which each silver column is in the hash of its row.

    `hashed` has that of columns whose text is not their own: times in microseconds, decimals of
    more digits. The version is `version_us` in any case; a category is looked up for its source.
    """
    silver = load_contract("silver", dataset)
    texts = {silver.event_time: "version_us", **hashed}
    return tuple(_or_null(c, texts.get(c.name) or _own_text(c)) for c in silver.columns)


def _own_text(column: Column) -> str:
    if not column.categories:
        return column.name
    whens = (f"when '{text}' then '{found}'" for text, found in column.categories.items())
    return f"case {column.source or column.name} {' '.join(whens)} end"


def _or_null(column: Column, sql: str) -> str:
    return f"coalesce(({sql})::varchar, {NULL})" if column.nullable else sql

"""Good records of every dataset, made from its contracts; a case spoils what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from assay.contracts.columns import Column
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.generate.recipes import generated_datasets

# A feed that its contract alone tells has its records from elsewhere, in any dialect.
DATASETS = generated_datasets()
NUMERIC = {"int", "bigint"}
TEXTS = {
    "int": "7",
    "bigint": "7",
    "date": "2026-01-01",
    "timestamp": "2026-01-01T10:00:00",
    "boolean": "true",
}


@dataclass(frozen=True)
class Field:
    """A silver column and the header that its text is delivered under."""

    column: Column
    header: str


@dataclass(frozen=True)
class GoodRecords:
    """Makes good records of one dataset, each with a key of its own."""

    dataset: str

    @property
    def silver(self) -> Contract:
        return load_contract("silver", self.dataset)

    @property
    def patterns(self) -> tuple[str, ...]:
        source = load_contract("bronze", self.dataset).source
        assert source
        return source.patterns

    @property
    def headers(self) -> list[str]:
        return [c.header or c.name for c in load_contract("bronze", self.dataset).columns]

    def record(self, number: int = 0, **spoilt: Any) -> dict[str, Any]:
        """Values by header; `spoilt` names silver columns, and None leaves a header out."""
        fields = self._fields()
        values: dict[str, Any] = {f.header: self._text(f.column, number) for f in fields}
        by_column = {f.column.name: f.header for f in fields}
        for column, value in spoilt.items():
            values[by_column[column]] = value
        return {header: values[header] for header in self.headers if values.get(header) is not None}

    def records(self, count: int = 3) -> list[dict[str, Any]]:
        return [self.record(number) for number in range(count)]

    @property
    def number(self) -> Column:
        """A required number that is no key, one with a lower bound if there is one."""
        numbers = self._required(lambda c: c.is_decimal or c.type in NUMERIC)
        return min(numbers, key=lambda c: c.minimum is None)

    @property
    def time(self) -> Column:
        return next(c for c in self.silver.columns if c.name == self.silver.event_time)

    @property
    def vocabulary(self) -> Column | None:
        return next(iter(self._required(lambda c: bool(c.allowed))), None)

    @property
    def key(self) -> Column:
        """The first column of the key that must be delivered."""
        return next(c for c in self.silver.columns if c.name in self.silver.keys)

    @property
    def words(self) -> Column:
        """A column of free text that is no key."""
        free = (f.column for f in self._fields() if f.column.type == "string")
        return next(c for c in free if c.name not in self.silver.keys and not c.allowed)

    def header_of(self, column: Column) -> str:
        return next(f.header for f in self._fields() if f.column.name == column.name)

    def missing_reason(self, header: str) -> str:
        """Why a file is rejected that has all required columns but this one."""
        source = load_contract("bronze", self.dataset).source
        shape = next(iter(source.shapes), "") if source else ""
        return f"required column missing{f' of the nearest shape, {shape}' * bool(shape)}: {header}"

    def _required(self, fits: Callable[[Column], bool]) -> list[Column]:
        keys = self.silver.keys
        return [
            f.column
            for f in self._fields()
            if f.column.name not in keys and fits(f.column) and not f.column.nullable
        ]

    def _fields(self) -> list[Field]:
        return _fields(self.dataset)

    def _text(self, column: Column, number: int) -> str:
        if column.name in self.silver.keys and column.type in NUMERIC:
            return str(number + 1)
        if column.name in self.silver.keys and column.type == "string":
            return f"{column.name}-{number:04}"
        if column.allowed:
            return column.allowed[0]
        if column.is_decimal:
            return f"10.{'5' * column.scale}"
        return TEXTS.get(column.type, f"some {column.name}")


@cache
def _fields(dataset: str) -> list[Field]:
    """One silver column for each bronze column: the first that takes its text from there."""
    taken: dict[str, Column] = {}
    for column in load_contract("silver", dataset).columns:
        taken.setdefault(column.source or column.name, column)
    bronze = load_contract("bronze", dataset).columns
    return [Field(taken[c.name], c.header or c.name) for c in bronze if c.name in taken]

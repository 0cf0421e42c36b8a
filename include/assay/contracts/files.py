"""The two kinds of files that contracts are written in.

`datasets/<name>/dataset.yaml` tells a dataset once: how it is delivered, which is its bronze
contract, and what it is once it is typed, its silver contract. `gold/<table>/table.yaml` is one
gold contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from assay.contracts.columns import DatasetColumn, Value
from assay.contracts.delivery import DatasetSource
from assay.contracts.facts import Facts, Fault, Text, nearest
from assay.contracts.model import Expectation, Keys, OfFiles, OfGold, OfSilver, OfTable
from assay.contracts.reserved import reserved_in_dataset, reserved_in_gold
from assay.contracts.standard_expectations import (
    MOST_QUARANTINED,
    of_bronze,
    of_gold,
    of_silver,
    with_written,
)
from assay.contracts.table_faults import (
    key_faults,
    reference_faults,
    twice_expected,
    twice_named,
    twice_spelt,
    unless_one_of,
)

Written = tuple[Expectation, ...] | None
OneRowPer = Annotated[Text | None, Field(description="Words the expectation that keys are unique.")]


@dataclass(frozen=True)
class DatasetExpectations(Facts):
    """Written expectations of a dataset, by layer."""

    bronze: Annotated[Written, Field(description="Of delivered records and files.")] = None
    silver: Annotated[Written, Field(description="Of typed rows and of their classes.")] = None


@dataclass(frozen=True, kw_only=True)
class DatasetFile(OfTable, OfFiles, OfSilver):
    """A dataset: how it is delivered, and what of it is kept. Contracts of bronze and silver."""

    keys: Keys
    one_row_per: OneRowPer = None
    most_quarantined: Annotated[
        float, Field(ge=0, le=1, description="The share of records that may be quarantined.")
    ] = MOST_QUARANTINED
    source: Annotated[DatasetSource, Field(description="How it is delivered.")]
    columns: Annotated[
        tuple[DatasetColumn, ...], Field(description="Every column once, in the files' order.")
    ]
    expectations: Annotated[
        DatasetExpectations | None, Field(description="What does not follow from other keys.")
    ] = None

    @property
    def bronze_columns(self) -> list[DatasetColumn]:
        """What is delivered."""
        return [column for column in self.columns if not column.source]

    @property
    def silver_columns(self) -> list[DatasetColumn]:
        """What has values."""
        return [column for column in self.columns if column.only is None]

    @property
    def bronze_expectations(self) -> tuple[Expectation, ...]:
        written = self.expectations.bronze if self.expectations else None
        return with_written(of_bronze(), written)

    @property
    def silver_expectations(self) -> tuple[Expectation, ...]:
        written = self.expectations.silver if self.expectations else None
        derived = of_silver(
            self.keys, self.one_row_per, self.event_time, self.most_quarantined, self.silver_columns
        )
        return with_written(derived, written)

    def faults(self) -> Iterator[Fault]:
        silver = [column.name for column in self.silver_columns]
        bronze = [column.name for column in self.bronze_columns]
        yield from twice_named(self.columns, bronze, silver)
        yield from reserved_in_dataset(self.columns, is_served=bool(self.serving))
        yield from key_faults(self.keys, self.silver_columns)
        for key in ("event_time", "partition_by"):
            yield from unless_one_of((key,), getattr(self, key), silver)
        yield from reference_faults(self.columns, silver)
        for number, column in enumerate(self.columns):
            yield from unless_one_of(("columns", number, "source"), column.source, bronze)
            for shape in column.headers:
                if shape not in (shapes := self.source.shapes or ()):
                    words = f"source.shapes has no {shape}{nearest(shape, shapes)}"
                    yield ("columns", number, "headers", shape), words
        if self.source.stream and self.source.stream.values == "json":
            yield from twice_spelt(self.bronze_columns, self.source.shapes or ("",))
        yield from twice_expected(self.bronze_expectations)
        yield from twice_expected(self.silver_expectations)


@dataclass(frozen=True, kw_only=True)
class GoldFile(OfTable, OfGold):
    """A gold table: an aggregate of one or more datasets."""

    keys: Keys
    one_row_per: OneRowPer = None
    columns: Annotated[tuple[Value, ...], Field(description="Its columns, in order.")]
    expectations: Annotated[Written, Field(description="What does not follow from other keys.")] = (
        None
    )

    @property
    def all_expectations(self) -> tuple[Expectation, ...]:
        derived = of_gold(self.keys, self.one_row_per, self.totals)
        return with_written(derived, self.expectations)

    def faults(self) -> Iterator[Fault]:
        names = [column.name for column in self.columns]
        yield from twice_named(self.columns, names)
        yield from reserved_in_gold(self.columns)
        yield from key_faults(self.keys, self.columns)
        yield from unless_one_of(("partition_by",), self.partition_by, names)
        for total in self.totals:
            yield from unless_one_of(("totals", total), total, names)
        yield from twice_expected(self.all_expectations)

"""The contract of one table as the code sees it, whatever files its facts are written in.

A contract holds facts (names, types, keys, vocabularies, bounds, expectations), never
expressions. Everything that is true of a table is read from here and written nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from assay.contracts.columns import Column
from assay.contracts.delivery import Limits, Source
from assay.contracts.dialect import Dialect, TextForms
from assay.contracts.facts import Days, Facts, Names, Text

Layer = Literal["bronze", "silver", "gold"]
Severity = Literal["fail", "warn"]
OnEqualVersion = Literal["conflict", "latest_delivery"]
Keys = Annotated[Names, Field(description="The columns that identify a row.")]


@dataclass(frozen=True)
class Expectation(Facts):
    """One assertion in Great Expectations' own terms, about one frame of the gate."""

    name: Annotated[Text, Field(description="As a person shall read it when it is not met.")]
    type: Annotated[Text, Field(description="An expectation of Great Expectations.")]
    frame: Annotated[Text, Field(description="What is looked at, such as rows.")]
    kwargs: Annotated[dict[str, Any], Field(description="Its arguments.")]
    severity: Annotated[Severity, Field(description="warn reports, and stops nothing.")] = "fail"
    overridable: Annotated[bool, Field(description="Whether a run may go on past it.")] = True


@dataclass(frozen=True, kw_only=True)
class OfTable(Facts):
    """Facts of a table of any layer. What a release holds stays readable for `retention_days`."""

    owner: Annotated[Text, Field(description="Who answers for it.")]
    description: Annotated[str, Field(description="What it holds; shown in the docs.")]
    grain: Annotated[Text, Field(description="What one row is.")]
    partition_by: Annotated[str, Field(description="A column that splits its files.")] = ""
    retention_days: Annotated[
        Days, Field(description="How long what a release holds of it stays readable.")
    ] = 60


@dataclass(frozen=True, kw_only=True)
class OfFiles(Facts):
    """Facts of bronze.

    Archived files are kept for `archive_days` and what runs have left behind for `history_days`;
    null is for ever. Receipts of the gateway are kept for `receipt_days`, and longer while their
    records are not released. A feed without a new file for `expect_every_days` is overdue; null
    asks for none.
    """

    archive_days: Annotated[
        Days | None, Field(description="How long archived files are kept; for ever without it.")
    ] = None
    history_days: Annotated[
        Days | None, Field(description="How long the books are kept; for ever without it.")
    ] = None
    receipt_days: Annotated[
        Days, Field(description="How long the gateway knows a receipt, and an idempotency key.")
    ] = 90
    expect_every_days: Annotated[
        Days | None, Field(description="After how many days without a new file runs fail.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class OfSilver(Facts):
    """Facts of silver: which version of a key wins, and where rows are served.

    `on_equal_version` says what becomes of versions of a key with the same event time and other
    content: the later delivered are quarantined (`conflict`), or the one of the latest
    delivered file wins (`latest_delivery`).
    """

    event_time: Annotated[Text, Field(description="The version with the latest one wins.")]
    on_equal_version: Annotated[
        OnEqualVersion, Field(description="What becomes of versions of one event time.")
    ] = "conflict"
    serving: Annotated[
        str, Field(description="The row-level table in Postgres, if there is one.")
    ] = ""


@dataclass(frozen=True, kw_only=True)
class OfGold(Facts):
    """Facts of gold. `touched_by` says which groups a changed row touches; without it, the keys."""

    datasets: Annotated[Names, Field(description="The datasets that it is built from.")]
    totals: Annotated[
        dict[str, str], Field(description="Each column, and what of silver it must add up to.")
    ] = field(default_factory=dict)
    touched_by: Annotated[
        tuple[str, ...], Field(description="What tells the groups that a changed row touches.")
    ] = ()
    parameters: Annotated[
        dict[str, str], Field(description="Values that build.py and audit.sql share.")
    ] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Contract(OfTable, OfFiles, OfSilver, OfGold):
    """The facts of one table; those of other layers have no meaning, and are empty.

    `forms` of silver says how the texts of bronze spell values.
    """

    table: str
    columns: tuple[Column, ...]
    expectations: tuple[Expectation, ...]
    path: Path
    version: str
    dataset: str = ""
    datasets: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    event_time: str = ""
    source: Source | None = None
    forms: TextForms = field(default_factory=TextForms)

    @property
    def layer(self) -> str:
        return self.table.split(".")[0]

    @property
    def name(self) -> str:
        """The table without its layer; also the stem of every file about it."""
        return self.table.split(".")[1]

    @property
    def limits(self) -> Limits:
        """What one delivered file may hold."""
        return self.source.limits if self.source else Limits()

    @property
    def dialect(self) -> Dialect:
        """How its CSV files are written."""
        return self.source.dialect if self.source else Dialect()

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    def totals_of(self, dataset: str) -> dict[str, str]:
        """Gold column → the column of this dataset's silver, or `rows`, that it must add up to.

        A table of several datasets names each by `<dataset>.<column>`.
        """
        if self.datasets == (dataset,):
            return self.totals
        named = {gold: silver.partition(".") for gold, silver in self.totals.items()}
        return {gold: column for gold, (of, _, column) in named.items() if of == dataset}

    @property
    def rounded(self) -> list[Column]:
        """Columns whose values are rounded where they have more decimals."""
        return [column for column in self.columns if column.round]

    @property
    def money(self) -> list[str]:
        """Columns whose sums must agree through every stage."""
        return [column.name for column in self.columns if column.money]

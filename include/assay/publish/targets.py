"""The tables of Postgres that a release changes, and the files that hold the change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assay.contracts.columns import Column
from assay.contracts.lineage import LINEAGE, name_in_lake
from assay.contracts.load import measured_columns
from assay.contracts.model import Contract

DELETED = Column("deleted", "boolean", nullable=False)


@dataclass(frozen=True)
class Staged:
    """A staging table, and how many rows were copied into it."""

    name: str
    rows: int


@dataclass(frozen=True)
class Target:
    """One Postgres table that a release changes, and the Parquet files with the change.

    `source` is the lake's table; `measured` are the columns whose sums must agree with it.
    `replaces_all` is set when nothing that the table holds shall stay, `reload` when all rows
    shall come from Delta instead: path and version. `staged` is where the change was copied to.
    """

    table: str
    source: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    measured: tuple[str, ...]
    files: tuple[Path, ...]
    has_deletions: bool
    replaces_all: bool
    reload: tuple[str, int] | None = None
    staged_as: str = ""
    staged: Staged | None = None

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def names_in_lake(self) -> list[str]:
        return [name_in_lake(column) for column in self.columns]

    @property
    def staged_columns(self) -> tuple[Column, ...]:
        return (*self.columns, DELETED) if self.has_deletions else self.columns

    @property
    def staging(self) -> str:
        """The name of its staging tables, without their epoch."""
        return self.staged_as or self.table.split(".")[1]


def serving_target(contract: Contract, change_set: str, *, replaces_all: bool) -> Target:
    """The row-level table of a silver contract: the new and the updated rows of a change set."""
    return Target(
        table=contract.serving,
        source=contract.table,
        keys=contract.keys,
        columns=(*contract.columns, *LINEAGE),
        measured=tuple(measured_columns(contract)),
        files=parquet_files(change_set, "class=new", "class=updated"),
        has_deletions=False,
        replaces_all=replaces_all,
    )


def gold_target(contract: Contract, candidates: str, *, replaces_all: bool) -> Target:
    """A gold table: its touched groups, and which of them became empty."""
    return Target(
        table=contract.table,
        source=contract.table,
        keys=contract.keys,
        columns=contract.columns,
        measured=gold_measures(contract),
        files=parquet_files(candidates, "."),
        has_deletions=True,
        replaces_all=replaces_all,
    )


def gold_measures(contract: Contract) -> tuple[str, ...]:
    """The columns of a gold table that add up; an identifier is a number that does not."""
    return tuple(
        column.name
        for column in contract.columns
        if (column.is_decimal or column.type in ("int", "bigint"))
        and column.name not in contract.keys
        and not column.name.endswith("_id")
    )


def parquet_files(folder: str, *parts: str) -> tuple[Path, ...]:
    return tuple(path for part in parts for path in sorted(Path(folder, part).glob("*.parquet")))

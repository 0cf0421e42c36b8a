"""Recompute of a gold table for the groups that change sets touch, and no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract
from spark_jobs.transformations.change_set import WINNERS, apply_change_set

Grain = Callable[[DataFrame, str], DataFrame]
Summary = Callable[..., DataFrame]
Bounds = Mapping[str, tuple[str, str]]  # column → least and greatest value, as text


@dataclass(frozen=True)
class SilverInput:
    """One dataset that a gold table is made from.

    `silver` is None when it is empty, `change_set` when the batch has no record of the dataset.
    """

    contract: Contract
    silver: DataFrame | None
    change_set: DataFrame | None

    def after(self) -> DataFrame:
        """Silver as it will be once the batch is committed."""
        if self.change_set is not None:
            return apply_change_set(self.silver, self.change_set, self.contract)
        if self.silver is None:
            raise ValueError(f"{self.contract.table} has neither rows nor changes")
        return self.silver.select(*self.contract.column_names)

    def changed(self) -> list[DataFrame]:
        """The rows that the batch brings and those that it replaces."""
        if self.change_set is None:
            return []
        winners = self.change_set.where(F.col("class").isin(*WINNERS))
        replaced = self.change_set.where(F.col("class") == "updated")
        return [winners.select(*self.contract.column_names), replaced.select("replaced.*")]


def touched_groups(inputs: Sequence[SilverInput], contract: Contract, grain: Grain) -> DataFrame:
    """The columns `touched_by` of each row that the batch brings or replaces."""
    by = list(contract.touched_by)
    changed = [
        grain(rows, given.contract.name).select(*by) for given in inputs for rows in given.changed()
    ]
    return reduce(DataFrame.unionByName, changed)


def gold_candidates(
    inputs: Sequence[SilverInput],
    gold: DataFrame | None,
    contract: Contract,
    grain: Grain,
    summarise: Summary,
    bounds: Bounds | None = None,
) -> DataFrame:
    """The touched groups as they will be: the gold contract's columns, and `deleted`.

    `gold` is the table as it stands, None when it is empty: then every group is made. Else the
    groups of new and updated rows and of the rows that they replace are, found by the columns
    `touched_by`; one that is left without rows is `deleted`, and has only its keys. Where `bounds`
    says between which values these columns lie in all touched groups, files with none are not read.
    """
    columns = [F.col(c.name).cast(c.type).alias(c.name) for c in contract.columns]
    after = [grain(given.after(), given.contract.name) for given in inputs]
    if gold is None:
        return summarise(contract, *after).select(*columns, F.lit(False).alias("deleted"))
    by, near = list(contract.touched_by), _is_near(contract, bounds or {})
    touched = touched_groups(inputs, contract, grain).distinct()
    kept = [rows.where(near).join(touched, on=by, how="left_semi") for rows in after]
    groups = summarise(contract, *kept).select(*columns, F.lit(False).alias("stays"))
    keys = list(contract.keys)
    before = gold.where(near).join(touched, on=by, how="left_semi").select(*keys)
    # One join that keeps both sides: asking for the emptied ones alone would make `groups` twice.
    found = groups.join(before, on=keys, how="full_outer")
    return found.select(*contract.column_names, F.col("stays").isNull().alias("deleted"))


def as_bounded(contract: Contract, name: str) -> Column:
    """A column of the grain as it is compared with bounds: it may have another type there."""
    kinds = {column.name: column.type for column in contract.columns}
    return F.col(name).cast(kinds[name])


def _is_near(contract: Contract, bounds: Bounds) -> Column:
    kinds = {column.name: column.type for column in contract.columns}
    conditions = [
        as_bounded(contract, name).between(*(F.lit(bound).cast(kinds[name]) for bound in limits))
        for name, limits in bounds.items()
    ]
    return reduce(and_, conditions, F.lit(True))

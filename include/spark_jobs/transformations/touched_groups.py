"""Recompute of a gold table for the groups that change sets touch, and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract
from spark_jobs.transformations.change_set import WINNERS, apply_change_set

Grain = Callable[[DataFrame, str], DataFrame]
Summary = Callable[..., DataFrame]


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


def gold_candidates(
    inputs: Sequence[SilverInput],
    gold: DataFrame | None,
    contract: Contract,
    grain: Grain,
    summarise: Summary,
) -> DataFrame:
    """The touched groups as they will be: the gold contract's columns, and `deleted`.

    `gold` is the table as it stands, None when it is empty: then every group is made. Else the
    groups of new and updated rows and of the rows that they replace are, found by the columns
    `touched_by`; one that is left without rows is `deleted`, and has only its keys.
    """
    columns = [F.col(c.name).cast(c.type).alias(c.name) for c in contract.columns]
    after = [grain(given.after(), given.contract.name) for given in inputs]
    if gold is None:
        return summarise(contract, *after).select(*columns, F.lit(False).alias("deleted"))
    by = list(contract.touched_by)
    changed = [
        grain(rows, given.contract.name).select(*by) for given in inputs for rows in given.changed()
    ]
    touched = reduce(DataFrame.unionByName, changed).distinct()
    kept = [rows.join(touched, on=by, how="left_semi") for rows in after]
    groups = summarise(contract, *kept).select(*columns, F.lit(False).alias("stays"))
    keys = list(contract.keys)
    before = gold.join(touched, on=by, how="left_semi").select(*keys)
    # One join that keeps both sides: asking for the emptied ones alone would make `groups` twice.
    found = groups.join(before, on=keys, how="full_outer")
    return found.select(*contract.column_names, F.col("stays").isNull().alias("deleted"))

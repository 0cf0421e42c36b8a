"""The check of one record against its contract, without Spark: what will be in quarantine.

It tells what it can of a record alone: columns without a value, texts that say none of their type,
words that are not in a vocabulary. Bounds, rules between columns and versions are for the batch,
which judges every record in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from assay.contracts.columns import Column
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.gateway.values import Text, reader, standardiser

MALFORMED = "record.malformed"
Judge = Callable[[Text], str | None]


class Checker:
    """The checks of a dataset. Reasons are named as silver names them: `<column>.<rule>`."""

    def __init__(self, bronze: Contract, silver: Contract) -> None:
        self.bronze = bronze
        judged = [(c.source or c.name, _judge(c, silver)) for c in silver.columns]
        names = bronze.column_names
        self.judges = [(source, judge) for source, judge in judged if judge and source in names]
        # A column that no file of a dataset has is missing in every record, see `_judge`.
        self.lacking = [judge for source, judge in judged if judge and source not in names]

    def reasons(self, texts: Mapping[str, Text]) -> list[str]:
        """Why a record with these texts, by bronze column, would be in quarantine."""
        found = [reason for source, judge in self.judges if (reason := judge(texts.get(source)))]
        return [*found, *(reason for judge in self.lacking if (reason := judge(None)))]

    def by_position(self, positions: Mapping[str, int]) -> Callable[[Sequence[str]], list[str]]:
        """The same for the fields of a CSV record, whose columns are at these positions."""
        judges = [(positions.get(source), judge) for source, judge in self.judges]
        always = [reason for at, judge in judges if at is None and (reason := judge(None))]
        always += [reason for judge in self.lacking if (reason := judge(None))]
        placed = [(at, judge) for at, judge in judges if at is not None]

        def reasons(row: Sequence[str]) -> list[str]:
            return always + [reason for at, judge in placed if (reason := judge(row[at]))]

        return reasons


@cache
def checker_of(dataset: str) -> Checker:
    """The checks of a dataset that has a contract."""
    return Checker(load_contract("bronze", dataset), load_contract("silver", dataset))


def _judge(column: Column, silver: Contract) -> Judge | None:
    """The reason of a text, if it has one; None for a column of which nothing is asked."""
    standardise, says = standardiser(column, silver.forms), reader(column, silver.forms)
    required = not (column.nullable or column.hash_of or column.categories)
    allowed = {*column.allowed} if column.type == "string" else set()
    if not (required or says or allowed):
        return None
    missing = f"{column.name}.missing" if required else None
    unparseable, unknown = f"{column.name}.unparseable", f"{column.name}.unknown"

    def judge(text: Text) -> str | None:
        found = None if text is None else standardise(text)
        if found is None:
            return missing
        if says and not says(found):
            return unparseable
        return unknown if allowed and found not in allowed else None

    return judge

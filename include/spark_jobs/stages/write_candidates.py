"""The candidates of several gold tables, written by one query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract

TABLE = "_table"


@dataclass(frozen=True)
class Written:
    """The candidates of a table: their folder, how they are made, and as they are in the folder."""

    folder: str
    made: DataFrame
    rows: DataFrame


def write_candidates(
    folder: str, contracts: Sequence[Contract], made: Mapping[str, DataFrame]
) -> dict[str, Written]:
    """Write the candidates of all tables in one query, each table to a folder of its own.

    A file has the columns of all of them. So a query more is needed where two tables mean
    different types by one name.
    """
    written: dict[str, Written] = {}
    for number, together in enumerate(alike(contracts)):
        names = [contract.name for contract in together]
        rows = reduce(_union, [made[name].withColumn(TABLE, F.lit(name)) for name in names])
        path = f"{folder}/{number}"
        rows.write.partitionBy(TABLE).mode("overwrite").parquet(path)
        read = rows.sparkSession.read.schema(_ddl(together)).parquet(path)
        for contract in together:
            own = read.where(F.col(TABLE) == contract.name)
            written[contract.name] = Written(
                folder=f"{path}/{TABLE}={contract.name}",
                made=made[contract.name],
                rows=own.select(*contract.column_names, "deleted"),
            )
    return written


def _ddl(contracts: Sequence[Contract]) -> str:
    """The columns of all of them. A server would have to look through all of the query for them."""
    kinds = {column.name: column.type for contract in contracts for column in contract.columns}
    kinds |= {"deleted": "boolean", TABLE: "string"}
    return ", ".join(f"{name} {kind}" for name, kind in kinds.items())


def _union(left: DataFrame, right: DataFrame) -> DataFrame:
    return left.unionByName(right, allowMissingColumns=True)


def alike(contracts: Sequence[Contract]) -> list[list[Contract]]:
    """The tables in sets, within which columns of one name have one type."""
    sets: list[tuple[dict[str, tuple[str, str]], list[Contract]]] = []
    for contract in contracts:
        columns = {column.name.lower(): (column.name, column.type) for column in contract.columns}
        for known, together in sets:
            if all(known.get(name, column) == column for name, column in columns.items()):
                known.update(columns)
                together.append(contract)
                break
        else:
            sets.append((columns, [contract]))
    return [together for _, together in sets]

"""The shape of a table against its contract: nullable columns join it, all else is rebuilt."""

from __future__ import annotations

from collections.abc import Iterator

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contracts.columns import Column
from assay.contracts.model import Contract
from assay.errors import ContractError
from assay.storage.delta_history import NO_TABLE
from spark_jobs.lakehouse import schemas, tables

DELTA_TYPES = {"int": "integer", "bigint": "long"}


def require_shape(path: str, contract: Contract) -> list[Column]:
    """The columns that the table has yet to be given; all of them nullable.

    Raises ContractError, naming table and column, when the contract has changed in any other way.
    """
    try:
        table = DeltaTable(path)
    except TableNotFoundError:
        return []
    for difference in () if contract.layer == "bronze" else _differences(table, contract):
        raise ContractError(
            f"{contract.table}: {difference}. Only a nullable column joins a table in place; for "
            "this change, trigger a run with full_rebuild"
        )
    known = {field.name for field in table.schema().fields}
    return [column for column in contract.columns if column.name not in known]


def _differences(table: DeltaTable, contract: Contract) -> Iterator[str]:
    """What no added column explains. The texts of bronze cannot differ, only be more or fewer."""
    wanted = {column.name: column for column in contract.columns}
    stands = {field.name: field.type.to_json().strip('"') for field in table.schema().fields}
    for name, kind in stands.items():
        if name in wanted:
            needed = DELTA_TYPES.get(wanted[name].type, wanted[name].type)
            if kind != needed:
                yield f"column {name} is {kind} in the lake and {needed} in the contract"
        elif contract.layer == "gold" or name not in schemas.SILVER_LINEAGE:
            yield f"column {name} is in the lake and no longer in the contract"
    for name, column in wanted.items():
        if name not in stands and not column.nullable:
            yield f"column {name} is new and not nullable"
    facts = table.metadata()
    keys = facts.configuration.get(schemas.KEYS)
    if keys not in (None, ",".join(contract.keys)):
        yield f"column {keys} was the key, now it is {','.join(contract.keys)}"
    parts = ",".join(facts.partition_columns)
    if parts != contract.partition_by:
        was, now = (name or "(none)" for name in (parts, contract.partition_by))
        yield f"column {was} partitioned the table, now it is {now}"


def add_columns(spark: SparkSession, path: str, contract: Contract, fence: tables.Fence) -> bool:
    """Give the table what its contract has gained, as a version of this batch; False when nothing.

    It is no MERGE or write, so Delta does not fence it: an attempt that was overtaken ends here.
    """
    missing = require_shape(path, contract)
    if missing:
        tables.require_newest(path, fence)
        columns = ", ".join(f"{column.name} {column.type}" for column in missing)
        with tables.signed(spark, fence):
            tables.alter(spark, path, f"ADD COLUMNS ({columns})")
    return bool(missing)


def overwrite(spark: SparkSession, path: str, rows: DataFrame, contract: Contract) -> None:
    """Replace the content of a table, and its shape if that is another. For `commit` only."""
    writer = rows.write.format("delta").mode("overwrite")
    if _has_shape(path, contract):
        writer.save(path)
        return
    if contract.partition_by:
        writer = writer.partitionBy(contract.partition_by)
    # Delta refuses to drop a column that is listed for statistics.
    tables.unset_property(spark, path, schemas.STATISTICS)
    writer.option("overwriteSchema", "true").save(path)
    tables.set_properties(spark, path, schemas.properties(contract))


def _has_shape(path: str, contract: Contract) -> bool:
    try:
        return not require_shape(path, contract)
    except ContractError:
        return False


def read_as(spark: SparkSession, path: str, contract: Contract, version: int) -> DataFrame:
    """A table at a pinned version; what its contract has gained since then is null."""
    stood = tables.read_table(spark, path, version)
    gained = [column for column in contract.columns if column.name not in stood.columns]
    return stood.select("*", *(F.lit(None).cast(c.type).alias(c.name) for c in gained))


def read_unless_empty(
    spark: SparkSession, path: str, contract: Contract, version: int
) -> DataFrame | None:
    """A table at a pinned version; None when it has no rows, or is not there yet.

    Raises ContractError when it has rows, in a shape that only a rebuild makes the contract's.
    """
    if version == NO_TABLE.version:
        return None
    # Asked without Spark, whose answer to this takes seconds in a JVM that has just started.
    base = QueryBuilder().register("base", DeltaTable(path, version=version))
    if not base.execute("SELECT 1 FROM base LIMIT 1").read_all().num_rows:
        return None
    require_shape(path, contract)
    return read_as(spark, path, contract, version)

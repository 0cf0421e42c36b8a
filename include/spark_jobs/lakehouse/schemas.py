"""Columns and properties of the Delta tables, derived from the contracts."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from assay.contracts.model import Contract

KEYS = "assay.keys"
STATISTICS = "delta.dataSkippingStatsColumns"
SILVER_LINEAGE = [
    "row_hash",
    "batch_id",
    "file_id",
    "source_file",
    "record_number",
    "ingested_at",
]
QUARANTINE_COLUMNS = ["file_id", "source_file", "record_number", "reasons", "raw", "ingested_at"]
QUARANTINE_DDL = (
    "file_id string, source_file string, record_number bigint, reasons array<string>, "
    "raw string, ingested_at timestamp, batch_id string"
)


def bronze_ddl(contract: Contract) -> str:
    """The contract's columns as text, then what every bronze row carries."""
    texts = ", ".join(f"{name} string" for name in contract.column_names)
    return (
        f"{texts}, unknown_columns map<string,string>, malformed_record string, file_id string, "
        "source_file string, record_number bigint, batch_id string, ingested_at timestamp"
    )


def silver_ddl(contract: Contract) -> str:
    """The contract's columns, the row hash, lineage."""
    business = ", ".join(f"{c.name} {c.type}" for c in contract.columns)
    return (
        f"{business}, row_hash string, batch_id string, file_id string, source_file string, "
        "record_number bigint, ingested_at timestamp"
    )


def empty_silver(spark: SparkSession, contract: Contract) -> DataFrame:
    """A silver table without rows, for a dataset of which none has been delivered."""
    return spark.createDataFrame([], silver_ddl(contract))


def ddl(contract: Contract) -> str:
    """Columns of a silver or gold table."""
    return silver_ddl(contract) if contract.layer == "silver" else gold_ddl(contract)


def retention(contract: Contract) -> dict[str, str]:
    """How long what the table was stays readable; see `lakehouse.upkeep`.

    The log is kept whole: a release may name a version that is far older than itself.
    """
    interval = f"interval {contract.retention_days} days"
    return {
        "delta.logRetentionDuration": interval,
        "delta.deletedFileRetentionDuration": interval,
        "delta.enableExpiredLogCleanup": "false",
    }


def properties(contract: Contract) -> dict[str, str]:
    """Statistics only where a reader prunes by them; deletion vectors make a small MERGE cheap."""
    kept = retention(contract)
    if contract.layer == "bronze":
        # Nobody looks a bronze row up by value; statistics would cost a quarter of its write.
        return {**kept, "delta.dataSkippingNumIndexedCols": "0"}
    kept[KEYS] = ",".join(contract.keys)
    if contract.layer == "gold":
        return kept
    return {
        **kept,
        "delta.enableDeletionVectors": "true",
        STATISTICS: ",".join(statistics(contract)),
    }


def statistics(contract: Contract) -> list[str]:
    """The columns of a silver table by which Delta leaves files unread."""
    indexed = dict.fromkeys([*contract.keys, contract.event_time, *contract.money])  # each once
    return [name for name in indexed if name not in ("", contract.partition_by)]


def gold_ddl(contract: Contract) -> str:
    """Exactly the contract's columns."""
    return ", ".join(f"{c.name} {c.type}" for c in contract.columns)

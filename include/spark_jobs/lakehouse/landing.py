"""Reading accepted files: exactly those of the manifest, by explicit path, never a listing."""

from __future__ import annotations

from collections import defaultdict
from functools import reduce

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from assay.contract import Contract
from assay.errors import ContractError
from assay.landing.header import match_header
from assay.plan import ManifestFile
from spark_jobs.lakehouse.session import local_frame

FILE_ID_LENGTH = 64
MALFORMED = "malformed_record"
# One file per partition: the running number of a row is then its number in the file.
WHOLE_FILES = {
    "spark.sql.files.maxPartitionBytes": str(1 << 40),
    "spark.sql.files.openCostInBytes": str(1 << 40),
}
ROW_IN_PARTITION = (1 << 33) - 1
WRITE_TASKS = 4


def read_csv_files(
    spark: SparkSession, files: list[ManifestFile], contract: Contract, batch_id: str
) -> DataFrame:
    """One row per record: contract columns as text, unknown columns in a map, lineage.

    Columns are matched by header name; a missing optional column is null. `record_number` counts
    RFC 4180 records from 1, without header and blank lines. A record that does not fit its header
    has its text in `malformed_record`.
    """
    for setting, value in WHOLE_FILES.items():
        spark.conf.set(setting, value)
    by_header: dict[tuple[str, ...], list[ManifestFile]] = defaultdict(list)
    for file in files:
        by_header[tuple(file.header)].append(file)
    frames = [_read_same_header(spark, same, contract) for same in by_header.values()]
    names = local_frame(
        spark,
        [{"file_id": file.file_id, "source_file": file.source_file} for file in files],
        pa.schema({"file_id": pa.string(), "source_file": pa.string()}),
    )
    return (
        reduce(DataFrame.unionByName, frames)
        .join(F.broadcast(names), on="file_id", how="inner")
        .withColumn("batch_id", F.lit(batch_id))
        .withColumn("ingested_at", F.current_timestamp())
    )


def _read_same_header(
    spark: SparkSession, files: list[ManifestFile], contract: Contract
) -> DataFrame:
    header = files[0].header
    source = contract.source
    if source is None:
        raise ContractError(f"{contract.path}: source is missing")
    schema = StructType([StructField(name, StringType()) for name in (*header, MALFORMED)])
    rows = (
        spark.read.schema(schema)
        .option("header", value=True)
        .option("sep", source.delimiter)
        .option("encoding", source.encoding)
        .option("quote", '"')
        .option("escape", '"')
        .option("multiLine", value=True)
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", MALFORMED)
        .csv([file.path for file in files])
    )
    delivered = {name: header[at] for name, at in match_header(header, contract).items()}
    unknown = [name for name in header if name not in delivered.values()]
    return rows.select(
        *(_by_header(delivered.get(column.name)).alias(column.name) for column in contract.columns),
        _unknown_columns(unknown).alias("unknown_columns"),
        MALFORMED,
        F.substring(F.col("_metadata.file_name"), 1, FILE_ID_LENGTH).alias("file_id"),
        (F.monotonically_increasing_id().bitwiseAND(F.lit(ROW_IN_PARTITION)) + 1).alias(
            "record_number"
        ),
    ).coalesce(WRITE_TASKS)


def _by_header(name: str | None) -> Column:
    if name is None:
        return F.lit(None).cast("string")
    return F.col("`" + name.replace("`", "``") + "`")


def _unknown_columns(unknown: list[str]) -> Column:
    if not unknown:
        return F.lit(None).cast("map<string,string>")
    return F.create_map(*(part for name in unknown for part in (F.lit(name), _by_header(name))))

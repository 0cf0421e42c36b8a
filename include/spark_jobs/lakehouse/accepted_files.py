"""Reading accepted files: exactly those of the manifest, by explicit path, never a listing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from assay.batch.slices import Slice
from assay.contracts.model import Contract
from assay.intake.filenames import is_patch
from assay.intake.header import match_header, spellings, value_spellings
from assay.storage.addresses import as_place
from assay.storage.objects import on_this_machine
from spark_jobs.lakehouse.json_records import json_records, open_json
from spark_jobs.lakehouse.kafka_values import kafka_records, open_values
from spark_jobs.lakehouse.session import local_frame
from spark_jobs.lakehouse.typed_texts import field, plain_text, text_with_nul

MALFORMED = "malformed_record"
# One file per partition: the running number of a row is then its number in the file.
WHOLE_FILES = {
    "spark.sql.files.maxPartitionBytes": str(1 << 40),
    "spark.sql.files.openCostInBytes": str(1 << 40),
}
ROW_IN_PARTITION = (1 << 33) - 1
# A task holds the buffers of every CSV file that it has read until it ends, so it reads few.
WRITE_TASKS, FILES_OF_TASK = 4, 250
CSV_BUFFER = 1 << 16  # characters, of which Spark would take sixteen times as many
# Encodings of a dialect under the names of Java. A byte-order mark is Spark's business.
JAVA_ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "latin-1": "ISO-8859-1",
    "cp1252": "windows-1252",
}
# Since Spark 4 its CSV reader takes others only when it is told to take all that Java has.
ENCODINGS_OF_SPARK = ("UTF-8", "UTF-16", "ISO-8859-1")


def read_files(
    spark: SparkSession, files: list[Slice], contract: Contract, batch_id: str
) -> DataFrame:
    """One row per record: contract columns as text, unknown columns in a map, lineage.

    Columns are matched by header name; a missing optional column is null. `record_number` counts
    the records of a file from 1 (RFC 4180 records without header, lines that are not blank,
    elements of a JSON array, rows, values of Kafka). A record that does not fit has its text in
    `malformed_record`.
    """
    frames = [
        bronze_records(
            open_files(spark, same, contract), same[0], contract, -(-len(same) // FILES_OF_TASK)
        )
        for same in read_alike(files, contract)
    ]
    names = local_frame(
        spark,
        [
            {
                "file_name": PurePosixPath(file.path).name,
                "file_id": file.slice_id,
                "source_file": file.source_file,
            }
            for file in files
        ],
        pa.schema(dict.fromkeys(("file_name", "file_id", "source_file"), pa.string())),
    )
    return (
        reduce(DataFrame.unionByName, frames)
        .join(F.broadcast(names), on="file_name", how="inner")
        .drop("file_name")
        .withColumn("batch_id", F.lit(batch_id))
        .withColumn("ingested_at", F.current_timestamp())
    )


def read_alike(files: Sequence[Slice], contract: Contract) -> list[list[Slice]]:
    """The files in groups, each of which is opened and taken apart as one."""
    alike: dict[tuple[str, ...], list[Slice]] = defaultdict(list)
    for file in [file for file in files if file.records] or files:
        alike[looks_of(file, contract)].append(file)
    return [*alike.values()]


def looks_of(file: Slice, contract: Contract) -> tuple[str, ...]:
    """Files that agree in this are read together.

    Of JSON that is where the columns are found; of Parquet files also the types must be the same.
    """
    if file.format.startswith("json"):
        return (file.format, repr(spellings(file.header, contract)))
    if file.format == "kafka_json":
        return (file.format, repr(value_spellings(file.header, contract)))
    if file.format == "kafka_csv":
        return (file.format, *file.header)
    if file.format == "csv":
        return (file.format, str(_has_header(file, contract)), *file.header)
    with on_this_machine(as_place(file.path)) as path:
        return (file.format, str(pq.read_schema(path)), *file.header)


def open_files(spark: SparkSession, files: Sequence[Slice], contract: Contract) -> DataFrame:
    """Files that are read alike as Spark's own reader gives them, one partition for each."""
    for setting, value in WHOLE_FILES.items():
        spark.conf.set(setting, value)
    paths = [file.path for file in files]
    if files[0].format.startswith("json"):
        return open_json(spark, paths, is_array=files[0].format == "json_array")
    if files[0].format in ("kafka_json", "kafka_csv"):
        return open_values(spark, paths)
    if files[0].format == "parquet":
        return spark.read.parquet(*paths)
    return _open_csv(spark, files, contract)


def bronze_records(
    opened: DataFrame, file: Slice, contract: Contract, tasks: int = WRITE_TASKS
) -> DataFrame:
    """One row per record of opened files, of which this is one, by so many tasks or a few more.

    Contract columns as text, unknown_columns, malformed_record, file_name, record_number.
    """
    header = file.header
    delivered = {name: header[at] for name, at in match_header(header, contract).items()}
    if file.format.startswith("json"):
        is_array = file.format == "json_array"
        rows = json_records(opened, contract, spellings(header, contract), is_array=is_array)
    elif file.format.startswith("kafka"):
        rows = kafka_records(opened, contract, header, file.format)
    elif file.format == "parquet":
        rows = _select(opened, header, contract, delivered, plain_text)
        rows = rows.withColumn(MALFORMED, text_with_nul(rows, contract))
    else:
        rows = _select(opened, [*header, MALFORMED], contract, delivered, field)
    return rows.coalesce(max(tasks, WRITE_TASKS))


def _has_header(file: Slice, contract: Contract) -> bool:
    """Whether the first record is none: a patch has a header even where no other file has one."""
    return contract.dialect.header or is_patch(file.source_file)


def _open_csv(spark: SparkSession, files: Sequence[Slice], contract: Contract) -> DataFrame:
    header, dialect = files[0].header, contract.dialect
    schema = StructType([StructField(name, StringType()) for name in (*header, MALFORMED)])
    encoding = JAVA_ENCODINGS[dialect.encoding]
    if encoding not in ENCODINGS_OF_SPARK:
        spark.conf.set("spark.sql.legacy.javaCharsets", "true")
    return (
        spark.read.schema(schema)
        .option("sep", dialect.delimiter)
        .option("encoding", encoding)
        .option("header", value=_has_header(files[0], contract))
        .option("quote", dialect.quote)
        .option("escape", dialect.quote)
        .option("multiLine", value=True)
        .option("inputBufferSize", CSV_BUFFER)
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", MALFORMED)
        .csv([file.path for file in files])
    )


def _select(
    rows: DataFrame,
    header: list[str],
    contract: Contract,
    delivered: dict[str, str],
    as_text: Callable[[DataFrame, str], Column],
) -> DataFrame:
    """Columns of the contract by name, the others in a map, and where each row stands."""
    known = {*delivered.values(), MALFORMED}
    unknown = [name for name in header if name not in known]
    return rows.select(
        *(
            (
                as_text(rows, delivered[name]) if name in delivered else F.lit(None).cast("string")
            ).alias(name)
            for name in contract.column_names
        ),
        _unknown_columns({name: as_text(rows, name) for name in unknown}).alias("unknown_columns"),
        *([MALFORMED] if MALFORMED in header else []),
        F.col("_metadata.file_name").alias("file_name"),
        (F.monotonically_increasing_id().bitwiseAND(F.lit(ROW_IN_PARTITION)) + 1).alias(
            "record_number"
        ),
    )


def _unknown_columns(unknown: dict[str, Column]) -> Column:
    if not unknown:
        return F.lit(None).cast("map<string,string>")
    return F.create_map(*(part for name, text in unknown.items() for part in (F.lit(name), text)))

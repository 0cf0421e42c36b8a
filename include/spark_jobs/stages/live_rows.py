"""Slices of a micro-batch → judged records, by the functions that bronze and silver use.

To make their columns is hundreds of calls into the JVM, and to have the rows of a micro-batch
judged is one. So what the functions do to a frame is recorded when files of a new look come, and
done again to the frames of all that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import PurePosixPath
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.batch.slices import Slice
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.publish.staging import arrow_schema
from assay.serving.live import live_columns
from spark_jobs.lakehouse.accepted_files import (
    WRITE_TASKS,
    bronze_records,
    looks_of,
    open_files,
    read_alike,
)
from spark_jobs.lakehouse.kafka_values import kafka_records
from spark_jobs.stages.registry import silver_function

JUDGED = pa.schema({"reasons": pa.list_(pa.string()), "raw": pa.string()})
Step = Callable[[DataFrame], DataFrame]


class Recorded:
    """A frame that keeps what is done to it, for other frames with the same columns.

    It is what `select`, `where` and the like are called on, in the place of the frame. Their
    columns name columns and hold no frame, so they fit any.
    """

    def __init__(self, frame: DataFrame, steps: tuple[Step, ...] = ()) -> None:
        self.frame = frame
        self.steps = steps

    def __getattr__(self, name: str) -> Any:
        """An attribute of the frame; of a method that makes a frame, one that is recorded too."""
        found = getattr(self.frame, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            made = found(*args, **kwargs)
            if not isinstance(made, DataFrame):
                return made

            def step(frame: DataFrame) -> DataFrame:
                return cast("DataFrame", getattr(frame, name)(*args, **kwargs))

            return Recorded(made, (*self.steps, step))

        return call

    def again(self, frame: DataFrame) -> DataFrame:
        """The same on another frame."""
        return reduce(lambda made, step: step(made), self.steps, frame)


@dataclass
class LiveRows:
    """The judged records of slices of one dataset, as rows for its table in `live`."""

    dataset: str
    recorded: dict[tuple[str, ...], tuple[Recorded, Recorded]] = field(default_factory=dict)

    def judge(self, spark: SparkSession, slices: Sequence[Slice]) -> pa.Table:
        """The columns of `live`, and `reasons` (empty when good) and `raw` of every record."""
        if not any(each.records for each in slices):
            return self.schema.empty_table()
        bronze = load_contract("bronze", self.dataset)
        frames = [self._judged(spark, alike) for alike in read_alike(slices, bronze)]
        found = reduce(DataFrame.unionByName, frames).toArrow()
        by_name = {PurePosixPath(each.path).name: each.slice_id for each in slices}
        return self.of_slices(found, by_name)

    def of_slices(self, judged: pa.Table, by_name: Mapping[str, str]) -> pa.Table:
        """Judged records as rows for `live`; `by_name` has the slice of each `file_id`."""
        names = pa.array([*by_name], pa.string())
        ids = pa.array([*by_name.values()], pa.string())
        slices = pc.take(ids, pc.index_in(judged["file_id"], names))
        return judged.append_column("slice_id", slices).select(self.schema.names).cast(self.schema)

    def judged_values(self, values: DataFrame, format_: str, header: list[str]) -> DataFrame:
        """Of a query: the values of Kafka as records that are judged as those of its slices are.

        `values` has each `value`, and as `record_number` all of its record, which is handed
        through; `file_id` is empty.
        """
        bronze, silver = (load_contract(layer, self.dataset) for layer in ("bronze", "silver"))
        opened = values.withColumn("file_name", F.lit(""))
        # So many tasks there are not; but Spark does not put parsing and judging into one another.
        records = kafka_records(opened, bronze, header, format_).coalesce(WRITE_TASKS)
        return _judged(_with_lineage(records), silver)

    @property
    def schema(self) -> pa.Schema:
        columns = live_columns(load_contract("silver", self.dataset))
        return pa.schema([*arrow_schema(columns), *JUDGED])

    def _judged(self, spark: SparkSession, alike: Sequence[Slice]) -> DataFrame:
        bronze = load_contract("bronze", self.dataset)
        opened = open_files(spark, alike, bronze)
        looks = looks_of(alike[0], bronze)
        if looks not in self.recorded:
            self.recorded[looks] = self._record(spark, opened, alike[0])
        delivered, judged = self.recorded[looks]
        return judged.again(apart(spark, delivered.again(opened)))

    def _record(
        self, spark: SparkSession, opened: DataFrame, file: Slice
    ) -> tuple[Recorded, Recorded]:
        """What makes records of files that look like this one, and what judges them."""
        bronze, silver = (load_contract(layer, self.dataset) for layer in ("bronze", "silver"))
        records = bronze_records(cast("DataFrame", Recorded(opened)), file, bronze)
        rows = cast("Recorded", _with_lineage(records))
        taken = cast("DataFrame", Recorded(apart(spark, rows.frame)))
        return rows, cast("Recorded", _judged(taken, silver))


def _with_lineage(records: DataFrame) -> DataFrame:
    """The lineage that a batch gives its rows; live has the slice and the number of the record."""
    nothing = F.lit(None).cast("string")
    return records.select(
        "*",
        F.col("file_name").alias("file_id"),
        nothing.alias("batch_id"),
        nothing.alias("source_file"),
        F.lit(None).cast("timestamp").alias("ingested_at"),
    )


def _judged(rows: DataFrame, silver: Contract) -> DataFrame:
    kept = [column.name for column in silver.columns]
    judged = silver_function(silver.name)(rows, silver)
    return judged.select(*kept, "file_id", "record_number", "reasons", "raw")


def apart(spark: SparkSession, frame: DataFrame) -> DataFrame:
    """The same rows without what they are made by, so that two plans are made and not one product.

    Parsing and judging put into one another make expressions of which Spark sees no end.
    """
    rows, schema = frame._jdf.queryExecution().toRdd(), frame._jdf.schema()
    return DataFrame(spark._jsparkSession.internalCreateDataFrame(rows, schema, False), spark)

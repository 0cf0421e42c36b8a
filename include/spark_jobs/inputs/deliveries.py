"""The order of deliveries as build_silver takes it, and records that may come after a late one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.batch.plan import Plan
from assay.batch.results import from_json
from assay.contracts.model import Contract
from assay.errors import BatchError
from spark_jobs.lakehouse.session import local_frame
from spark_jobs.lakehouse.tables import read_table

ORDER = pa.schema({"file_id": pa.string(), "delivery": pa.string()})


@dataclass(frozen=True)
class DeliveredFile:
    """A row of `intake.delivery_order`: when a file was delivered, as a text that sorts."""

    file_id: str
    batch_id: str
    delivery: str
    is_committed: bool


@dataclass(frozen=True)
class Deliveries:
    """Where each file of a dataset stands in the order of deliveries: rows of `delivery_order`."""

    files: list[DeliveredFile]

    def frame(self, spark: SparkSession, plan: Plan, contract: Contract) -> DataFrame:
        """file_id and delivery, which sorts as a text.

        Where the first delivered stands, a rebuild takes the batches in the order in which they
        came into silver: what stood there stands again.
        """
        of_batch: dict[str, str] = {}
        if contract.on_equal_version == "conflict":
            of_batch = {batch: f"{n:09d} " for n, batch in enumerate(plan.input.batches_again())}
        rows = [
            {"file_id": f.file_id, "delivery": of_batch.get(f.batch_id, "") + f.delivery}
            for f in self.files
        ]
        return local_frame(spark, rows, ORDER)

    def after(self, file_ids: Iterable[str], batch_id: str) -> list[DeliveredFile]:
        """Files in the lake that are of another batch, or replayed, and not before all of these."""
        mine = {*file_ids}
        first = min((f.delivery for f in self.files if f.file_id in mine), default="")
        return [
            file
            for file in self.files
            if file.is_committed and file.batch_id != batch_id and file.delivery >= first
        ]


def read_deliveries(plan: Plan, dataset: str) -> Deliveries:
    """What the ledger knew of the dataset's deliveries when the task started."""
    path = Path(plan.delivery_order)
    if not path.is_file():
        raise BatchError(f"{path}: no order of deliveries; clear build_silver")
    rows = pq.read_table(path).filter(pc.field("dataset") == dataset).to_pylist()
    return Deliveries([from_json(DeliveredFile, row) for row in rows])


def records_of(
    spark: SparkSession, plan: Plan, dataset: str, files: list[DeliveredFile]
) -> DataFrame:
    """The bronze records of these files."""
    bronze = read_table(spark, plan.table("bronze", dataset))
    return bronze.where(
        F.col("batch_id").isin(sorted({file.batch_id for file in files}))
        & F.col("file_id").isin(sorted(file.file_id for file in files))
    )

"""The program behind `assay dataset check --against`: try_file.py REQUEST EPOCH.

The stages' own functions from file to change set; no table of the lake is made or written.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.batch.results import RECORD_CLASSES, write_failure, write_result
from assay.contracts.load import load_contract
from assay.errors import AssayError
from assay.home.processes import die_with_parent
from assay.operations.try_file import NAME, Outcome, Request, read_request
from assay.storage.delta_history import base_of
from spark_jobs.inputs.deliveries import ORDER
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.lakehouse.session import local_frame, session
from spark_jobs.lakehouse.shape import read_unless_empty
from spark_jobs.programs.run_stage import fail
from spark_jobs.stages.registry import silver_function
from spark_jobs.transformations.change_set import classify
from spark_jobs.transformations.conform import rounded_values

NEWEST = "~"  # comes after every order of a delivery, as a file does that is delivered now


def main() -> None:
    """Run one request; the result file is the last act."""
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    parser.add_argument("request", help="path of the request")
    parser.add_argument("epoch", type=int, help="epoch of this attempt")
    arguments = parser.parse_args()
    die_with_parent()
    folder, request = str(Path(arguments.request).parent), read_request(arguments.request)
    try:
        with session(NAME, input_bytes=request.file.size_bytes) as spark:
            result = try_file(spark, request, f"{folder}/records")
    except AssayError as error:
        write_failure(folder, NAME, arguments.epoch, error)
        fail(error)
    write_result(folder, NAME, arguments.epoch, asdict(result))


def try_file(spark: SparkSession, request: Request, bronze_rows: str) -> Outcome:
    """Records by class against silver as it stands, the quarantined ones by reason, rounded values.

    `bronze_rows` is a folder for the records as bronze would hold them: judged straight from
    the file, they would make one plan of a size that Spark does not come to the end of.
    """
    dataset = request.file.dataset
    bronze, silver = load_contract("bronze", dataset), load_contract("silver", dataset)
    there = read_unless_empty(spark, request.silver, silver, base_of(request.silver, NAME).version)
    read_files(spark, [request.file], bronze, NAME).write.parquet(bronze_rows)
    records = spark.read.parquet(bronze_rows)
    order = local_frame(spark, [{"file_id": request.file.slice_id, "delivery": NEWEST}], ORDER)
    classified = classify(silver_function(dataset)(records, silver), silver, there, order)
    values = [rounded_values(c) for c in silver.rounded]
    counted = (
        classified.groupBy("class", "reasons").agg(F.count("*").alias("records"), *values).collect()
    )
    classes: dict[str, int] = dict.fromkeys(RECORD_CLASSES, 0)
    reasons: dict[str, int] = {}
    good = [row for row in counted if row["class"] != "quarantined"]
    rounded = {c.name: sum(row[f"rounded_{c.name}"] for row in good) for c in silver.rounded}
    for row in counted:
        classes[row["class"]] += row["records"]
        for reason in row["reasons"]:
            reasons[reason] = reasons.get(reason, 0) + row["records"]
    return Outcome(classes, dict(sorted(reasons.items())), rounded)


if __name__ == "__main__":
    main()

"""Silver returns: the committed samples of every format, and what must become of them."""

from __future__ import annotations

import json
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.contracts.load import load_contract
from assay.settings import CONTRACTS
from builders.batches import take
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.stages.registry import silver_function
from spark_jobs.transformations.change_set import classify

RETURNS = CONTRACTS / "datasets" / "product_returns"


def test_samples_of_every_format_come_out_as_their_truth_says(
    spark: SparkSession, tmp_path: Path
) -> None:
    truth = json.loads((RETURNS / "samples_by_hand.json").read_text())
    files = [
        take(tmp_path, path, "product_returns") for path in sorted((RETURNS / "samples").iterdir())
    ]
    assert {file.source_file: file.records for file in files} == truth["records"]
    bronze = read_files(spark, files, load_contract("bronze", "product_returns"), "batch")
    contract = load_contract("silver", "product_returns")
    changes = classify(
        silver_function("product_returns")(bronze, contract), contract, None
    ).localCheckpoint()
    classes = {row["class"]: row["count"] for row in changes.groupBy("class").count().collect()}
    assert classes == truth["classes"]
    bad = changes.where("class = 'quarantined'").select("source_file", "record_number", "reasons")
    found = [[*row[:2], *row["reasons"]] for row in bad.orderBy(*bad.columns[:2]).collect()]
    assert found == truth["quarantined"]
    sums = changes.where("class = 'new'").agg(F.sum("qty"), F.sum("amount")).collect()[0]
    assert [str(value) for value in sums] == [truth["silver_sums"][n] for n in ("qty", "amount")]

"""Every accepted file of the bad-input corpus, read by Spark and judged, as one batch."""

from __future__ import annotations

from collections import Counter

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.contract import load_contract
from builders.batches import take
from corpus.trades import Case, all_cases
from spark_jobs.lakehouse.landing import read_files
from spark_jobs.transformations.change_set import classify
from spark_jobs.transformations.silver.trades import trades

ACCEPTED = [case for case in all_cases() if case.verdict == "accepted"]
Verdict = tuple[int, int, dict[str, int]]


@pytest.fixture(scope="module")
def file_ids(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def verdicts(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, file_ids: dict[str, str]
) -> dict[str, Verdict]:
    """Per file: records, good records, and quarantined records by reason."""
    home = tmp_path_factory.mktemp("corpus")
    manifest = {}
    for case in ACCEPTED:
        delivered = home / case.delivered_as
        delivered.write_bytes(case.content)
        file = take(home, delivered)
        file_ids[case.name] = file.file_id
        manifest[file.file_id] = file
    bronze = read_files(
        spark, list(manifest.values()), load_contract("bronze", "trades"), "batch"
    ).localCheckpoint()
    contract = load_contract("silver", "trades")
    classified = classify(trades(bronze, contract), contract, None)
    counted = classified.groupBy("file_id", "class", "reasons").agg(F.count("*").alias("records"))
    records: Counter[str] = Counter()
    good: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {file_id: Counter() for file_id in manifest}
    for row in counted.collect():
        records[row["file_id"]] += row["records"]
        if row["class"] != "quarantined":
            good[row["file_id"]] += row["records"]
        for reason in row["reasons"]:
            reasons[row["file_id"]][reason] += row["records"]
    return {f: (records[f], good[f], dict(reasons[f])) for f in manifest}


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.name)
def test_accepted_file_has_its_records_good_ones_and_reasons(
    case: Case, verdicts: dict[str, Verdict], file_ids: dict[str, str]
) -> None:
    found = verdicts[file_ids[case.name]]
    assert found == (case.records, case.good, case.quarantined)

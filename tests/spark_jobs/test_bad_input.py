"""Every accepted file of the bad-input corpus, read by Spark and judged, as one batch."""

from __future__ import annotations

from collections import Counter

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.contract import load_contract
from assay.plan import ManifestFile
from builders.batches import take
from corpus import stocks, trades
from corpus.trades import Case
from spark_jobs.lakehouse.landing import read_files
from spark_jobs.registry import silver_function
from spark_jobs.transformations.change_set import classify

CASES = [*trades.all_cases(), *stocks.all_cases()]
ACCEPTED = [case for case in CASES if case.verdict == "accepted"]
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
    found: dict[str, Verdict] = {}
    for dataset in {case.dataset: None for case in ACCEPTED}:
        manifest = {}
        for case in ACCEPTED:
            if case.dataset == dataset:
                delivered = home / case.delivered_as
                delivered.write_bytes(case.content)
                file = take(home, delivered, dataset)
                file_ids[case.name] = file.file_id
                manifest[file.file_id] = file
        found |= judge(spark, dataset, manifest)
    return found


def judge(
    spark: SparkSession, dataset: str, manifest: dict[str, ManifestFile]
) -> dict[str, Verdict]:
    """The files of one dataset, as one batch."""
    bronze = read_files(
        spark, list(manifest.values()), load_contract("bronze", dataset), "batch"
    ).localCheckpoint()
    contract = load_contract("silver", dataset)
    judged = silver_function(dataset)(bronze, contract)
    classified = classify(judged, contract, None)
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

"""Every accepted file of the bad-input corpus, read by Spark and judged: one batch a dataset."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.contract import load_contract
from builders.batches import take
from corpus.case import Case
from corpus.listing import every_case
from spark_jobs.lakehouse.landing import read_files
from spark_jobs.registry import silver_function

ACCEPTED = [case for case in every_case() if case.verdict == "accepted"]
Verdict = tuple[int, int, dict[str, int]]


class Verdicts:
    """Per case: records, good records, and quarantined records by reason."""

    def __init__(self, spark: SparkSession, home: Path) -> None:
        self.spark, self.home = spark, home
        self.of_dataset = cache(self._judge)

    def __getitem__(self, case: Case) -> Verdict:
        return self.of_dataset(case.dataset)[case.name]

    def _judge(self, dataset: str) -> dict[str, Verdict]:
        manifest = {}
        cases = [case for case in ACCEPTED if case.dataset == dataset]
        file_ids = {}
        for case in cases:
            delivered = self.home / dataset / case.name / case.delivered_as
            delivered.parent.mkdir(parents=True)
            delivered.write_bytes(case.content)
            file = take(self.home, delivered, dataset)
            file_ids[case.name] = file.file_id
            manifest[file.file_id] = file
        contract = load_contract("bronze", dataset)
        bronze = read_files(self.spark, [*manifest.values()], contract, "batch").localCheckpoint()
        silver = load_contract("silver", dataset)
        # Each file on its own: versions of one key in several of them are not what this is about.
        judged = silver_function(dataset)(bronze, silver)
        counted = judged.groupBy("file_id", "reasons").agg(F.count("*").alias("n"))
        records: Counter[str] = Counter()
        good: Counter[str] = Counter()
        reasons: dict[str, Counter[str]] = {file_id: Counter() for file_id in manifest}
        for row in counted.collect():
            records[row["file_id"]] += row["n"]
            if not row["reasons"]:
                good[row["file_id"]] += row["n"]
            for reason in row["reasons"]:
                reasons[row["file_id"]][reason] += row["n"]
        return {name: (records[f], good[f], dict(reasons[f])) for name, f in file_ids.items()}


@pytest.fixture(scope="module")
def verdicts(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    return Verdicts(spark, tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: f"{case.dataset}-{case.name}")
def test_accepted_file_has_its_records_good_ones_and_reasons(
    case: Case, verdicts: Verdicts
) -> None:
    assert verdicts[case] == (case.records, case.good, case.quarantined)

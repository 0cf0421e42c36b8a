"""Every accepted file of the bad-input corpus, read by Spark and judged: one batch a dataset."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cache
from pathlib import Path

import duckdb
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contracts.load import load_contract
from assay.verify.evidence import exact
from assay.verify.records import read_numbered
from assay.verify.spelling import same_value, text_of
from assay.verify.text import typed
from assay.verify.values import comparable
from builders.batches import take
from corpus.case import Case
from corpus.listing import every_case
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.stages.registry import silver_function

ACCEPTED = [case for case in every_case() if case.verdict == "accepted"]
Verdict = tuple[int, int, dict[str, int]]


class Verdicts:
    """Per case: records, good records, and quarantined records by reason."""

    def __init__(self, spark: SparkSession, home: Path) -> None:
        self.spark, self.home = spark, home
        self.of_dataset = cache(self._judge)
        self.bronze: dict[str, DataFrame] = {}
        self.good: dict[str, DataFrame] = {}

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
            file_ids[case.name] = file.slice_id
            manifest[file.slice_id] = file
        contract = load_contract("bronze", dataset)
        bronze = read_files(self.spark, [*manifest.values()], contract, "batch").localCheckpoint()
        self.bronze[dataset] = bronze
        silver = load_contract("silver", dataset)
        # Each file on its own: versions of one key in several of them are not what this is about.
        judged = silver_function(dataset)(bronze, silver)
        self.good[dataset] = judged.where(F.size("reasons") == 0)
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


@pytest.mark.parametrize("dataset", sorted({case.dataset for case in ACCEPTED}))
def test_the_auditor_reads_every_accepted_file_as_spark_does(
    dataset: str, verdicts: Verdicts
) -> None:
    """Text for text; of JSON and Parquet a number may be spelt otherwise."""
    contract = load_contract("bronze", dataset)
    names = contract.column_names
    verdicts.of_dataset(dataset)
    stored = {
        (row["file_id"], row["record_number"]): row for row in verdicts.bronze[dataset].collect()
    }
    differing = []
    for case in (case for case in ACCEPTED if case.dataset == dataset):
        delivered = verdicts.home / dataset / case.name / case.delivered_as
        file_id = hashlib.sha256(delivered.read_bytes()).hexdigest()
        same = str.__eq__ if case.delivered_as.removesuffix(".gz").endswith("csv") else same_value
        for rows in read_numbered(delivered, contract):
            texts = ", ".join(
                f'{text_of(name, rows.schema.field(name).type)} AS "{name}"' for name in names
            )
            query = f"SELECT record_number, {texts} FROM rows"  # noqa: S608  # names of the contract
            for number, *values in duckdb.sql(query).fetchall():
                row = stored[file_id, number]
                differing += [
                    (case.name, number, name, value, row[name])
                    for name, value in zip(names, values, strict=True)
                    if row["malformed_record"] is None
                    and not same(value, (row[name] or "").replace("\r\n", "\n"))
                ]
    assert differing == []


@pytest.mark.parametrize("dataset", sorted({case.dataset for case in ACCEPTED}))
def test_the_auditor_types_every_good_record_as_spark_does(
    dataset: str, verdicts: Verdicts
) -> None:
    verdicts.of_dataset(dataset)
    silver, bronze = load_contract("silver", dataset), load_contract("bronze", dataset)
    names, place = [c.name for c in silver.columns], ["file_id", "record_number"]
    texts = verdicts.bronze[dataset].select(*place, *bronze.column_names).toArrow()
    found = verdicts.good[dataset].select(*place, *names).toArrow()
    assert found.num_rows
    values = ", ".join(f'{typed(c, silver, bronze)} AS "{c.name}"' for c in silver.columns)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("texts", texts)
        database.register("found", found)
        for column in silver.columns:
            one, other = (comparable(column, side) for side in ("t.", "f."))
            query = f"""
                SELECT f.record_number, {one}, {other}
                FROM (SELECT file_id, record_number, {values} FROM texts) AS t
                JOIN (SELECT file_id, record_number, {exact(silver.columns)} FROM found) AS f
                USING (file_id, record_number) WHERE {one} IS DISTINCT FROM {other}
            """  # noqa: S608  # names of the contract
            assert database.execute(query).fetchall() == [], column.name

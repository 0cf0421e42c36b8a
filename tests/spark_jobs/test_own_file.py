"""A dataset without Python of its own and without gold goes through every stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from assay.batch.inputs import Slices
from assay.batch.stage_results import read_silver
from assay.contracts.load import load_contract
from assay.contracts.pipelines import all_pipelines
from assay.operations.try_file import Request
from assay.profile.given import Given
from assay.profile.home import write_dataset
from assay.profile.proposal import propose
from assay.publish.change import read_built
from builders.batches import Lake, take
from builders.content import read_delta
from builders.sample_files import (
    RECORDS,
    clickstream_csv,
    european_csv,
    nested_json,
    pandas_parquet,
)
from spark_jobs.chain import STAGES
from spark_jobs.programs.try_file import try_file

FEEDS = {
    "kunden": (european_csv, Given(), {"new": RECORDS}),
    # Two prices are floats with noise, so their column is proposed to be rounded.
    "quotes": (nested_json, Given(), {"new": RECORDS}),
    "returned": (pandas_parquet, Given(), {"new": RECORDS}),
    # Records that are the same in every column are one.
    "clicks": (clickstream_csv, Given(hash_key="click_id"), {}),
}


SHORT, *LONG = FEEDS


@pytest.fixture(params=[SHORT, *(pytest.param(name, marks=pytest.mark.long) for name in LONG)])
def feed(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Path, dict[str, int]]]:
    """A proposed dataset in a folder beside the repository's, and its sample file."""
    make, given, classes = FEEDS[request.param]
    monkeypatch.setenv("ASSAY_DATASETS", str(tmp_path / "feeds"))
    path = make(tmp_path)
    name: str = request.param
    write_dataset(propose(name, [path], given), name, "0 4 * * *", [])
    yield name, path, classes
    all_pipelines.cache_clear()
    load_contract.cache_clear()


def is_failed(verdict: dict[str, Any]) -> bool:
    """A column that a proposal leaves out, such as a list, is unknown; a gate only warns of it."""
    return not verdict["success"] and verdict["severity"] == "fail"


def test_a_sample_goes_through_every_stage_as_it_was_proposed(
    spark: SparkSession, feed: tuple[str, Path, dict[str, int]], tmp_path: Path
) -> None:
    name, path, classes = feed
    lake = Lake(spark, tmp_path)
    file = take(tmp_path, path, name)
    facts = {"pipeline": name, "datasets": [name], "active": [name]}
    plan = lake.plan("b1", **facts, input=Slices([file]))
    needed = [stage for stage in STAGES if plan.needs(stage)]
    assert needed == [stage for stage in STAGES if not stage.endswith("gold")]
    request = Request(file, plan.table("silver", name))
    tried = try_file(spark, request, str(tmp_path / "tried"))
    assert tried.rounded == ({"price": 2} if name == "quotes" else {})
    for stage in needed:
        result = lake.run(plan, stage)
        failed = [v["expectation"] for v in result.get("verdicts", ()) if is_failed(v)]
        assert failed == []
    (built,) = read_silver(plan.folder).datasets.values()
    found = {each: built.count(each) for each in tried.classes}  # type: ignore[arg-type]
    assert found == tried.classes
    assert built.rounded == tried.rounded
    assert sum(found.values()) == RECORDS
    assert {each: found[each] for each in classes} == classes
    assert read_delta(lake.home / "lake", f"silver.{name}").num_rows == found["new"]
    assert [target.table for target in read_built(plan, 1).targets] == [f"serving.{name}"]

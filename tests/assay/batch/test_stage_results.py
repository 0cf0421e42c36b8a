"""Results of stages come back as they were written, also by earlier versions of the program."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from assay.batch.results import write_result
from assay.batch.stage_results import (
    CommitResult,
    GoldBuild,
    GoldResult,
    Ingested,
    IngestResult,
    SilverBuild,
    SilverResult,
    read_commit,
    read_gold,
    read_ingest,
    read_silver,
)
from assay.errors import BatchError

COUNTS = {"new": 2, "updated": 1, "duplicate": 0, "superseded": 0, "quarantined": 1}
SILVER = SilverBuild(
    change_set="/work/silver/7/trades",
    base_version=3,
    base_is_empty=False,
    classes={"f1": {"records": 4, **COUNTS}, "f2": {"records": 4, **COUNTS}},
    sums={"new": {"from_cost": "1.10"}},
    digest="d",
)
GOLD = GoldBuild(
    candidates="/work/gold/8/x", base_version=-1, base_is_empty=True, groups=2, digest="2/0/9"
)
COMMIT = CommitResult(
    versions={"silver.trades": 4, "gold.x": 0},
    totals={"silver.trades": {"before": {"rows": "7"}, "after": {"rows": "9"}}, "gold.x": {"n": 2}},
    silver={"trades": SILVER},
    gold={"x": GOLD},
    subjects={"silver.trades": "7/d"},
)


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    folder = str(tmp_path)
    silver = SilverResult(
        epoch=7, datasets={"trades": replace(SILVER, moves="/m", moved=1)}, rules="r"
    )
    gold = GoldResult(epoch=8, tables={"x": GOLD}, made_from={"silver.trades": "7/d"}, rules="r")
    write_result(folder, "build_silver", 7, {**asdict(silver), "summary": "4 new", "seconds": 1.5})
    write_result(folder, "build_gold", 8, asdict(gold))
    write_result(folder, "commit", 9, asdict(COMMIT))
    write_result(folder, "commit", 10, asdict(replace(COMMIT, versions={})))
    assert (read_silver(folder), read_gold(folder)) == (silver, gold)
    ingest = IngestResult(epoch=6, datasets={"trades": Ingested(version=2, records={"f1": 4})})
    write_result(folder, "ingest_bronze", 6, asdict(ingest))
    assert read_ingest(folder) == ingest
    assert read_commit(folder, 9) == COMMIT
    assert read_commit(folder).versions == {}


def test_what_an_earlier_version_wrote_is_read(tmp_path: Path) -> None:
    folder = str(tmp_path)
    later = {"bounds", "moves", "moved", "stay", "reasons", "deleted"}
    silver, gold = ({k: v for k, v in asdict(b).items() if k not in later} for b in (SILVER, GOLD))
    write_result(folder, "build_silver", 7, {"datasets": {"trades": {**silver, "gone": 1}}})
    write_result(folder, "build_gold", 8, {"tables": {"x": gold}})
    known: dict[str, Any] = {"versions": COMMIT.versions, "totals": COMMIT.totals}
    write_result(folder, "commit", 9, known)
    assert read_silver(folder) == SilverResult(epoch=7, datasets={"trades": SILVER})
    assert read_gold(folder) == GoldResult(epoch=8, tables={"x": GOLD})
    assert read_commit(folder) == CommitResult(**known)


def test_a_stage_that_has_not_ended_is_named(tmp_path: Path) -> None:
    for read, stage in (
        (read_ingest, "ingest_bronze"),
        (read_silver, "build_silver"),
        (read_gold, "build_gold"),
    ):
        with pytest.raises(BatchError, match=f"no result of {stage}"):
            read(str(tmp_path))


def test_records_and_totals_are_told_by_name() -> None:
    assert (SILVER.count("new"), SILVER.count("quarantined")) == (4, 2)
    assert COMMIT.before("silver.trades") == {"rows": "7"}
    assert (COMMIT.after("silver.trades"), COMMIT.after("gold.x")) == ({"rows": "9"}, {"n": 2})

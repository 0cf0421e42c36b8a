"""Equal versions of a key through real batches: late ones, a rebuild, and what the auditor says.

Of funds, for they have no gold of their own, which keeps the batches short.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from assay.batch.plan import Plan
from assay.contracts.load import load_contract
from assay.operations.export_formats import write_file
from assay.settings import load_settings
from builders.attempts import Attempts
from builders.contracts import changed_contracts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database

FUNDS = "mutual_funds"
AT = "2026-01-01T10:00:00"
LAST, FIRST = "9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"


@pytest.fixture
def pipeline(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Attempts:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return Attempts(load_settings(), database.uri(), spark, pipeline=FUNDS)


@pytest.fixture
def latest_wins(tmp_path: Path) -> Iterator[None]:
    change = {FUNDS: lambda facts: facts.update(on_equal_version="latest_delivery")}
    with changed_contracts(tmp_path / "contracts", change):
        yield


def deliver(pipeline: Attempts, day: str, **holdings: int | str) -> None:
    """A file of that day; a fund by its number, with its holdings or the time of its version."""
    path = pipeline.settings.landing / FUNDS / f"funds_{day}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [
        {
            "fund_id": int(fund[1:]),
            "name": "a fund",
            "company_id": 1,
            "holdings": value if isinstance(value, int) else 1,
            "timestamp": AT if isinstance(value, int) else value,
        }
        for fund, value in holdings.items()
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def load(pipeline: Attempts, name: str, **params: Any) -> Plan:
    plan = pipeline.accept(name, **params)
    stages = ["ingest_bronze"] if plan.slices else []
    pipeline.run(plan, *stages, "build_silver", "build_gold", "commit")
    assert [r.batch_id for r in pipeline.publish()] == [plan.batch_id]
    assert pipeline.violations() == []
    return plan


def query(pipeline: Attempts, text: str, *parameters: str) -> list[Any]:
    with pipeline.connect() as connection:
        connection.execute("SET timezone TO 'UTC'")
        return connection.execute(text, parameters).fetchall()  # type: ignore[call-overload, no-any-return]


def served(pipeline: Attempts) -> dict[int, int]:
    return dict(query(pipeline, "SELECT fund_id, holdings FROM serving.mutual_funds"))


def ledger(pipeline: Attempts, plan: Plan) -> Any:
    """new, updated, duplicate, superseded, quarantined, settled."""
    (counts,) = query(
        pipeline,
        "SELECT new, updated, duplicate, superseded, quarantined, settled FROM ops.row_ledger"
        " WHERE batch_id = %s",
        plan.batch_id,
    )
    return counts


@pytest.mark.long
def test_the_latest_delivered_wins_in_any_order_of_batches(
    pipeline: Attempts, latest_wins: None, tmp_path: Path
) -> None:
    deliver(pipeline, "2026-01-01", f1=10, f2=5, f3=LAST, f4=FIRST)
    first = load(pipeline, "first")
    times = query(pipeline, "SELECT fund_timestamp::text FROM serving.mutual_funds ORDER BY 1 DESC")
    assert times[0] == ("9999-12-31 23:59:59.999999+00",)
    assert times[-1] == ("0001-01-01 00:00:00+00",)
    assert_micros(pipeline, tmp_path, first)
    deliver(pipeline, "2026-01-03", f1=10, f6=6)
    assert ledger(pipeline, load(pipeline, "copy")) == (1, 0, 1, 0, 0, 0)
    deliver(pipeline, "2026-01-02", f1=20, f2=7, f6=9)
    late = load(pipeline, "late")
    assert ledger(pipeline, late) == (0, 1, 0, 2, 0, 3), "f1 was delivered again on a later day"
    assert served(pipeline) == {1: 10, 2: 7, 3: 1, 4: 1, 6: 6}
    rebuild = load(pipeline, "rebuild", full_rebuild=True)
    assert served(pipeline) == {1: 10, 2: 7, 3: 1, 4: 1, 6: 6}
    counts = query(
        pipeline,
        "SELECT sum(new), sum(updated), sum(settled) FROM ops.row_ledger WHERE batch_id = %s",
        rebuild.batch_id,
    )
    assert counts == [(5, 0, 4)]
    assert_found_when_settled_wrongly(pipeline)


def assert_micros(pipeline: Attempts, tmp_path: Path, plan: Plan) -> None:
    """Every file of the change set and of silver has microseconds, and every export the values."""
    silver = pipeline.settings.lake / "silver" / FUNDS
    folders = [Path(plan.folder) / "silver", Path(str(silver))]
    files = [path for folder in folders for path in folder.rglob("*.parquet")]
    kinds = {
        column.physical_type
        for path in files
        for column in [pq.ParquetFile(path).schema.column(4)]
        if column.name == "fund_timestamp"
    }
    assert kinds == {"INT64"}
    columns = [c for c in load_contract("silver", FUNDS).columns if c.name == "fund_timestamp"]
    for form in ("csv", "jsonl", "parquet"):
        target = tmp_path / f"export.{form}"
        write_file(DeltaTable(str(silver)), columns, target, form, lambda rows: None)
        if form == "parquet":
            found = pq.read_table(target).column(0).to_pylist()
            assert max(found) == datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
            assert min(found) == datetime(1, 1, 1, tzinfo=UTC)
        else:
            assert "9999-12-31T23:59:59.999999" in target.read_text()
            assert "0001-01-01T00:00:00" in target.read_text()


def assert_found_when_settled_wrongly(pipeline: Attempts) -> None:
    """The auditor goes by the books: told of another order, it finds the rows that do not fit."""
    change = "UPDATE ops.batch_slice SET slice_date = %s WHERE source_file LIKE %s"
    query_change(pipeline, change, "2026-01-09", "%2026-01-01%")
    found = pipeline.violations()
    assert len(found) == 1
    assert "latest delivered of equal versions" in found[0]
    assert found[0].endswith("1 others: 2"), found[0]
    query_change(pipeline, change, "2026-01-01", "%2026-01-01%")


def query_change(pipeline: Attempts, text: str, *parameters: str) -> None:
    with pipeline.connect() as connection:
        connection.execute(text, parameters)  # type: ignore[call-overload]


def test_a_conflict_is_quarantined_and_a_rebuild_agrees(pipeline: Attempts) -> None:
    deliver(pipeline, "2026-01-05", f1=10, f2=5)
    load(pipeline, "first")
    deliver(pipeline, "2026-01-02", f1=20, f2=5, f3=3)
    late = load(pipeline, "late")
    assert ledger(pipeline, late) == (1, 0, 1, 0, 1, 0), "what stands was there before"
    ((reasons, raw),) = query(pipeline, "SELECT reasons, raw::json FROM ops.quarantine_open")
    assert reasons == ["version.conflict"]
    assert (raw["fund_id"], raw["holdings"], raw["timestamp"]) == ("1", "20", AT)
    load(pipeline, "rebuild", full_rebuild=True)
    assert served(pipeline) == {1: 10, 2: 5, 3: 3}
    assert query(pipeline, "SELECT reasons, raw::json ->> 'holdings' FROM ops.quarantine_open") == [
        (["version.conflict"], "20")
    ]

"""What Postgres would refuse is refused before the commit, and publish applies what was staged."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from assay import ledger
from assay.batch.results import write_result
from assay.errors import BatchError, FencedError, GateFailedError, StagingError
from assay.home.paths import child_environment
from assay.publish import stage_batch
from assay.publish.change import require_staged
from assay.publish.measures import measure_delta, measure_postgres
from assay.publish.stage import StagingResult
from builders.attempts import Job, is_stopped, wait_until
from builders.published_lake import Lake, content, served, staging_tables, trade
from builders.verdicts import MET

if TYPE_CHECKING:
    from assay.batch.plan import Plan
    from conftest import Database

Stage = Callable[..., StagingResult]


@pytest.fixture
def stage(database: Database) -> Stage:
    def run(plan: Plan) -> StagingResult:
        with database.connect(autocommit=True) as connection:
            epoch = ledger.take_epoch(connection, plan.pipeline, "stage")
        return stage_batch(database.connect, database.uri(), plan, epoch)

    return run


REFUSED = {
    "a key that no index holds": (
        {"trade_id": "T" * 3000},
        "'x.csv' record 2: too long for trade_event_pkey",
    ),
    "a customer that the plain index does not hold": (
        {"customer_id": "é" * 1400},
        "'x.csv' record 2: too long for trade_event_by_customer",
    ),
    "nothing where a value must be": (
        {"transaction_status": None},
        "'x.csv' record 2: transaction_status is missing",
    ),
}


@pytest.mark.parametrize(("change", "reason"), REFUSED.values(), ids=REFUSED)
def test_row_that_postgres_would_refuse_is_named_and_nothing_moves(
    database: Database, lake: Lake, stage: Stage, change: dict[str, Any], reason: str
) -> None:
    rows = [trade(1), trade(2), trade(3)]
    plan = lake.commit(rows)
    lake.spoil_change_set(plan, lambda row: row | change if row["record_number"] == 2 else row)
    before = content(database)
    with pytest.raises(StagingError) as refused:
        stage(plan)
    told = str(refused.value)
    assert reason in told
    assert f"assay batch reject-file {plan.batch_id}" in told
    assert "serving.trade_event" in told
    assert "T" * 50 not in told, "the value itself is not for a log"
    assert content(database) == before
    assert not any("probe" in name for name in staging_tables(database))


def test_group_of_gold_that_postgres_would_refuse_is_named(
    database: Database, lake: Lake, stage: Stage
) -> None:
    plan = lake.commit([trade(1)])
    lake.spoil_candidates(plan, "customer_exposure", lambda row: row | {"to_cost": None})
    with pytest.raises(StagingError, match=r"group of customer_id 'C1'.*: to_cost is missing"):
        stage(plan)


def test_key_given_twice_is_refused(database: Database, lake: Lake, stage: Stage) -> None:
    plan = lake.commit([trade(1), trade(2)])
    lake.spoil_change_set(plan, lambda row: row | {"trade_id": "T000001"})
    with pytest.raises(StagingError, match="key T000001, C1: given twice"):
        stage(plan)


def test_publish_applies_what_was_staged(
    database: Database, lake: Lake, stage: Stage, publish: Any, said: list[str]
) -> None:
    plan = lake.commit([trade(1), trade(2)])
    stage(plan)
    said.clear()
    publish(plan)
    assert served(database) == [trade(1), trade(2)]
    assert not any("staged" in line for line in said)
    assert staging_tables(database) == []


@pytest.mark.parametrize("statement", ["TRUNCATE {}", "DROP TABLE {}", "DELETE FROM {}"])
def test_staging_that_a_crash_emptied_is_filled_again(
    database: Database, lake: Lake, stage: Stage, publish: Any, statement: str, said: list[str]
) -> None:
    plan = lake.commit([trade(1), trade(2)])
    staged = stage(plan).tables["trade_event"].name
    lake.connection.execute(statement.format(f"staging.{staged}"))
    publish(plan)
    assert any(f"staging.{staged} holds 0 rows" in line for line in said)
    assert served(database) == [trade(1), trade(2)]


def test_staging_of_an_older_build_is_not_applied(
    database: Database, lake: Lake, stage: Stage, publish: Any
) -> None:
    stage(lake.commit([trade(1)]))
    plan = lake.commit_again([trade(2)])
    stale = {"digests": {"silver.trades": "another"}, "tables": {}, "summary": ""}
    write_result(plan.folder, "stage", 1, stale)
    with pytest.raises(BatchError, match=r"not staged.*clear stage"):
        require_staged(plan)
    publish(plan)
    assert served(database) == [trade(2)]


def test_overtaken_attempt_stages_nothing(
    database: Database, lake: Lake, loader: psycopg.Connection[Any]
) -> None:
    plan = lake.commit([trade(1)])
    epoch = ledger.take_epoch(loader, "trades", "stage")
    ledger.take_epoch(loader, "trades", "a newer attempt")
    with pytest.raises(FencedError):
        stage_batch(database.connect, database.uri(), plan, epoch)
    assert staging_tables(database) == []


def test_publish_asks_for_the_verdicts_on_what_was_committed(
    database: Database, lake: Lake, publish: Any
) -> None:
    plan = lake.commit([trade(1)])
    lake.connection.execute("DELETE FROM ops.validation_result WHERE layer = 'gold'")
    with pytest.raises(GateFailedError, match=r"gold\.\w+: 'one row per .* has no verdict"):
        publish(plan)
    assert served(database) == []


def test_identifiers_of_64_bits_are_added_up_exactly(
    lake: Lake, tmp_path: Path, loader: psycopg.Connection[Any]
) -> None:
    ids = [2**63 - 1, 1, 5]
    write_deltalake(str(tmp_path / "t"), pa.table({"n": pa.array(ids, pa.int64())}))
    loader.execute("CREATE TABLE staging.t AS SELECT unnest(%s::bigint[]) AS n", [ids])
    expected = {"rows": Decimal(3), "n": Decimal(sum(ids))}
    assert measure_delta(str(tmp_path / "t"), 0, ["n"]) == expected
    assert measure_postgres(loader, "staging.t", ["n"]) == expected


def test_verdicts_are_kept_with_what_they_judged(loader: psycopg.Connection[Any]) -> None:
    verdict = replace(MET, subject="7/d")
    ledger.record_validation(loader, "b", 8, "silver", [verdict])
    found = ledger.verdicts_in_force(loader, "b")["silver.trades", MET.expectation]
    assert (found.subject, found.success, found.layer) == ("7/d", True, "silver")


STAGE_IN_A_PROCESS = """
import psycopg, sys
from assay.batch.plan import read_plan
from assay.publish import stage_batch
uri, plan, epoch = sys.argv[1:]
stage_batch(lambda: psycopg.connect(uri), uri, read_plan(plan), int(epoch))
"""


@pytest.mark.parametrize("failpoint", ["before staging trade_event", "after staging"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGCONT], ids=["killed", "woken"])
def test_attempt_that_was_stopped_does_not_touch_what_its_successor_staged_and_released(
    database: Database, lake: Lake, stage: Stage, publish: Any, failpoint: str, end: signal.Signals
) -> None:
    plan = lake.commit([trade(1), trade(2)])
    epoch = ledger.take_epoch(lake.connection, "trades", "stopped")
    command = [sys.executable, "-c", STAGE_IN_A_PROCESS, database.uri(), f"{plan.folder}/plan.json"]
    armed = {"ASSAY_FAILPOINT": f"{failpoint}:stop", "ASSAY_FAILPOINTS_ALLOWED": "1"}
    sleeper = Job([*command, str(epoch)], env=child_environment(armed))
    wait_until(lambda: is_stopped(psutil.Process(sleeper.pid)), sleeper)
    stage(plan)
    if end == signal.SIGCONT:
        sleeper.send_signal(end)
        sleeper.wait(20)
    publish(plan)
    sleeper.send_signal(signal.SIGKILL)
    sleeper.wait(20)
    assert served(database) == [trade(1), trade(2)]
    stage(lake.commit([trade(3)]))
    assert {name.rpartition("_")[2] for name in staging_tables(database)} == {str(epoch + 3)}

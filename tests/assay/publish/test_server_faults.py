"""A Postgres server that crashes, or whose disk is full, while a batch is staged and released."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from adbc_driver_manager import Error

from assay import ledger
from assay.events.sinks import gathered
from assay.publish import publish_batch, stage_batch
from builders.published_lake import Lake, content, served, trade

if TYPE_CHECKING:
    from assay.batch.plan import Plan
    from builders.own_server import OwnServer

Task = Callable[..., dict[str, Any]]
ROWS = [trade(number) for number in range(1, 5_001)]


@pytest.fixture
def plan(own_server: OwnServer, tmp_path: Path) -> Iterator[Plan]:
    """A batch that was built and judged."""
    with own_server.database.connect(autocommit=True) as connection:
        yield Lake(tmp_path, connection).commit(ROWS)


def attempt(server: OwnServer, task: Task, plan: Plan) -> list[str]:
    """The task under the next epoch; what it said."""
    with server.database.connect(autocommit=True) as connection:
        epoch = ledger.take_epoch(connection, plan.pipeline, "test")
    with gathered() as events:
        task(server.database.connect, server.database.uri(), plan, epoch)
    return [str(event) for event in events]


def test_staging_that_a_crash_of_the_server_emptied_is_filled_again(
    own_server: OwnServer, plan: Plan
) -> None:
    attempt(own_server, stage_batch, plan)
    own_server.crash()
    own_server.start()
    said = attempt(own_server, publish_batch, plan)
    assert any("holds 0 rows" in line and "staged again" in line for line in said)
    assert served(own_server.database) == ROWS


@pytest.mark.parametrize("task", [stage_batch, publish_batch])
def test_server_that_crashes_under_a_task_leaves_what_was_and_its_retry_succeeds(
    own_server: OwnServer, plan: Plan, task: Task
) -> None:
    attempt(own_server, stage_batch, plan)
    before = content(own_server.database)
    blocker = own_server.database.connect("postgres")
    staged = "SELECT 'staging.' || tablename FROM pg_tables WHERE tablename LIKE 'trade_event_%'"
    (table,) = blocker.execute(staged).fetchone() or ("",)
    blocked = table if task is stage_batch else "serving.trade_event"
    blocker.execute(f"LOCK TABLE {blocked} IN ACCESS EXCLUSIVE MODE")
    crash = threading.Thread(target=crash_when_a_lock_is_waited_for, args=[own_server])
    crash.start()
    with pytest.raises((psycopg.OperationalError, Error)):
        attempt(own_server, task, plan)
    crash.join()
    blocker.close()
    own_server.start()
    assert content(own_server.database) == before
    attempt(own_server, task, plan)
    attempt(own_server, publish_batch, plan)
    assert served(own_server.database) == ROWS


def crash_when_a_lock_is_waited_for(server: OwnServer) -> None:
    waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = %s"
    with server.database.connect("postgres", autocommit=True) as watcher:
        while not watcher.execute(waits, ["assay_loader"]).fetchall():
            time.sleep(0.02)
    server.crash()


@pytest.mark.parametrize("left", [0, 1 << 18])
def test_full_disk_fails_the_staging_by_its_name_and_moves_nothing(
    own_server: OwnServer, plan: Plan, left: int
) -> None:
    before = content(own_server.database)
    own_server.disk.fill(left)
    with pytest.raises((psycopg.errors.DiskFull, Error), match="No space left on device"):
        attempt(own_server, stage_batch, plan)
    own_server.disk.free()
    assert content(own_server.database) == before
    attempt(own_server, stage_batch, plan)
    attempt(own_server, publish_batch, plan)
    assert served(own_server.database) == ROWS

"""An attempt that was stopped and wakes after its successor ends as fenced and changes nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from assay.batch.plan import Plan
from assay.batch.results import latest_result, read_failure
from assay.generate.truth import Truth
from assay.spark_runtime.submit import LOCK_IS_BUSY
from builders.attempts import BUILD, PATIENCE, Attempts, Job, is_stopped, wait_for_stop, wait_until
from builders.content import SILVER, delta_version, hash_delta
from builders.deliveries import deliver
from builders.publish_process import FENCED

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def build(attempts: Attempts, files: list[Path], name: str) -> Plan:
    """A batch that is ready to be committed."""
    deliver(attempts.settings.landing / "trades", files)
    plan = attempts.accept(name)
    attempts.run(plan, *BUILD[:-1])
    return plan


def require_fenced(attempts: Attempts, plan: Plan, woken: Job, epoch: int) -> None:
    """The woken attempt has failed as fenced, and no one will believe a result of it."""
    assert woken.wait(PATIENCE) != 0
    failure = read_failure(plan.folder, "commit", epoch)
    assert type(failure).__name__ == "FencedError", attempts.log("commit", epoch)[-3000:]
    assert latest_result(plan.folder, "commit")["epoch"] > epoch


def test_a_commit_stopped_before_its_write_is_fenced(
    attempts: Attempts, trade_files: Truth
) -> None:
    files = sorted(trade_files.options.out.iterdir())
    first = build(attempts, files[:2], "first")
    old = attempts.take_epoch()
    sleeper = attempts.start(first, "commit", old, failpoint="before silver.trades:stop")
    driver = wait_for_stop(sleeper)

    refused = attempts.start(first, "commit", attempts.take_epoch())
    assert refused.wait(PATIENCE) == LOCK_IS_BUSY
    busy = attempts.log("commit", old + 1)
    assert f"{first.batch_id} commit epoch {old}" in busy

    attempts.run(first, "commit")
    before = attempts.everything()
    driver.send_signal(signal.SIGCONT)
    require_fenced(attempts, first, sleeper, old)
    assert attempts.everything() == before

    attempts.publish()

    second = build(attempts, files[2:], "second")
    old = attempts.take_epoch()
    sleeper = attempts.start(second, "commit", old, failpoint="before silver.trades:stop")
    driver = wait_for_stop(sleeper)
    attempts.run(second, "commit")
    before = attempts.everything()
    driver.send_signal(signal.SIGCONT)
    require_fenced(attempts, second, sleeper, old)
    assert attempts.everything() == before
    assert hash_delta(second.lake, SILVER) == trade_files.content_hash


def test_a_commit_stopped_in_the_middle_of_its_write_is_fenced(
    attempts: Attempts, trade_files: Truth
) -> None:
    """Here Delta itself has read the table already, so it meets the newer commit as a conflict."""
    plan = build(attempts, sorted(trade_files.options.out.iterdir()), "first")
    silver = Path(plan.table("silver", "trades"))
    old = attempts.take_epoch()
    sleeper = attempts.start(plan, "commit", old)
    wait_until(lambda: any(silver.glob("*.parquet")), sleeper)
    sleeper.send_signal(signal.SIGSTOP)
    assert delta_version(plan.lake, "silver.trades") == 0, "it had committed before it stopped"

    attempts.run(plan, "commit")
    before = attempts.everything()
    sleeper.send_signal(signal.SIGCONT)
    require_fenced(attempts, plan, sleeper, old)
    assert attempts.everything() == before
    assert before["silver"] == trade_files.content_hash


def test_a_publish_that_wakes_after_its_successor_is_fenced(
    attempts: Attempts, trade_files: Truth
) -> None:
    plan = build(attempts, sorted(trade_files.options.out.iterdir()), "first")
    attempts.run(plan, "commit")
    sleeper = attempts.start_publish(attempts.take_epoch(), failpoint="before the release:stop")
    wait_until(lambda: is_stopped(psutil.Process(sleeper.pid)), sleeper)

    (release,) = attempts.publish()
    before = attempts.everything()
    os.kill(sleeper.pid, signal.SIGCONT)
    assert sleeper.wait(PATIENCE) == FENCED
    assert attempts.everything() == before
    assert before["releases"] == 1
    assert before["serving"] == trade_files.content_hash
    assert release.batch_id == plan.batch_id

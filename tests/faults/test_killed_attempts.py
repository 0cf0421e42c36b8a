"""kill -9 of JVMs of classic masters: the next attempt ends as if undisturbed.

Every stage of a warm Spark is killed in `warm/`.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from assay.batch.plan import Plan
from assay.generate.truth import Truth
from builders.attempts import BUILD, Attempts, kill_jvm, wait_for_stop, wait_until
from builders.content import SILVER, delta_version, hash_delta, hash_postgres, read_delta
from builders.deliveries import deliver, truth_of_first

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def kill_while_writing(attempts: Attempts, plan: Plan, stage: str, folder: str) -> int:
    """Kill a job when the first file of its stage appears; returns its epoch."""
    epoch = attempts.take_epoch()
    victim = attempts.start(plan, stage, epoch)
    place = Path(plan.work(folder, str(epoch)))
    wait_until(lambda: any(place.rglob("*.parquet")), victim)
    kill_jvm(victim)
    return epoch


def kill_at(attempts: Attempts, plan: Plan, stage: str, point: str) -> int:
    """Kill the JVM of a stage while its Python side stands at a failpoint; returns its epoch."""
    epoch = attempts.take_epoch()
    victim = attempts.start(plan, stage, epoch, failpoint=f"{point}:stop")
    wait_for_stop(victim)
    kill_jvm(victim)
    return epoch


def test_a_first_batch_killed_in_build_commit_and_publish_ends_as_if_undisturbed(
    attempts: Attempts, trade_files: Truth
) -> None:
    folder = trade_files.options.out
    deliver(attempts.settings.landing / "trades", sorted(folder.iterdir()))
    plan = attempts.accept("first")

    attempts.run(plan, "ingest_bronze")
    assert read_delta(plan.lake, "bronze.trades").num_rows == trade_files.records

    killed = kill_while_writing(attempts, plan, "build_silver", "silver")
    built = attempts.run(plan, "build_silver")["datasets"]["trades"]
    assert str(killed) not in built["change_set"].split("/")

    attempts.run(plan, "build_gold")

    kill_at(attempts, plan, "commit", "before gold.daily_trade_summary")
    assert hash_delta(plan.lake, SILVER) == trade_files.content_hash
    with attempts.connect() as connection:
        assert hash_postgres(connection, SILVER, SILVER.serving) != trade_files.content_hash
    version = delta_version(plan.lake, "silver.trades")
    attempts.run(plan, "commit")
    assert delta_version(plan.lake, "silver.trades") == version

    killed_publish(attempts)
    (release,) = attempts.publish()
    assert release.versions["silver.trades"] == version
    check_end(attempts, plan, trade_files)


def killed_publish(attempts: Attempts) -> None:
    """A publish that is killed just before its COMMIT leaves readers what they had."""
    before = attempts.everything()
    victim = attempts.start_publish(attempts.take_epoch(), failpoint="before COMMIT:kill")
    assert victim.wait(60) == -signal.SIGKILL
    assert attempts.everything() == before


def check_end(attempts: Attempts, plan: Plan, truth: Truth) -> None:
    """Silver and Postgres hold the truth, and every promise is kept."""
    assert hash_delta(plan.lake, SILVER) == truth.content_hash
    with attempts.connect() as connection:
        assert hash_postgres(connection, SILVER, SILVER.serving) == truth.content_hash
        counts = connection.execute(
            "SELECT sum(records)::int, sum(new)::int, sum(quarantined)::int FROM ops.row_ledger"
        ).fetchone()
    assert counts == (truth.records, truth.silver_rows, truth.quarantined)
    assert read_delta(plan.lake, "quarantine.trades").num_rows == truth.quarantined
    assert attempts.violations() == []


def test_an_increment_killed_in_its_commit_ends_as_if_undisturbed(
    attempts: Attempts, trade_files: Truth
) -> None:
    """And the publish of the first batch, cut off, is completed before the second is accepted."""
    folder = trade_files.options.out
    landing = attempts.settings.landing / "trades"
    names = [file.name for file in trade_files.files]
    deliver(landing, [folder / name for name in names[:2]])
    first = attempts.accept("first")
    attempts.run(first, *BUILD)
    killed_publish(attempts)
    assert [release.batch_id for release in attempts.publish()] == [first.batch_id]

    deliver(landing, [folder / names[2]])
    second = attempts.accept("second")
    attempts.run(second, "ingest_bronze", "build_silver", "build_gold")
    kill_at(attempts, second, "commit", "before silver.trades")
    assert hash_delta(second.lake, SILVER) == truth_of_first(trade_files, 2).content_hash
    kill_at(attempts, second, "commit", "after silver.trades")
    assert hash_delta(second.lake, SILVER) == trade_files.content_hash
    attempts.run(second, "commit")

    assert [release.batch_id for release in attempts.publish()] == [second.batch_id]
    check_end(attempts, second, trade_files)

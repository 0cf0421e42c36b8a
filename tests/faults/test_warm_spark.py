"""Clients of a warm Spark that are killed, or stopped and wake late; a server that is lost."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil
import pytest
from pyspark.errors import PySparkException
from pyspark.sql.connect.session import SparkSession as RemoteSession

from assay.errors import FencedError
from assay.generate.truth import Truth
from assay.plan import Plan
from assay.results import has_result, latest_result, read_failure
from assay.settings import load_settings
from assay.stack.credentials import load_credentials
from assay.stack.spark import prepare_spark
from assay.stack.spark_server import TOKEN, remote_of
from builders.attempts import BUILD, PATIENCE, Attempts, Job, is_stopped, wait_until
from builders.deliveries import deliver
from builders.warm_spark import WarmSpark, warm_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmSpark]:
    shared = load_settings()
    prepare_spark(shared, print)
    home = Path(tempfile.mkdtemp(prefix="assay-warm-"))
    for part in ("jars", "java"):
        (home / part).symlink_to(shared.home / part)
    with warm_spark(load_settings({"ASSAY_HOME": str(home), "ASSAY_DRIVER_MEMORY": "1g"})) as spark:
        yield spark
    shutil.rmtree(home)


@pytest.fixture
def attempts(warm: WarmSpark, spark: SparkSession, database: Database) -> Iterator[Attempts]:
    for part in ("landing", "lake", "accepted", "batches", "locks"):
        shutil.rmtree(warm.settings.home / part, ignore_errors=True)
    pipeline = Attempts(warm.settings, database.uri(), spark)
    yield pipeline
    pipeline.end_all()


@pytest.fixture
def plan(attempts: Attempts, trade_files: Truth) -> Plan:
    """A batch that is ready for its first stage."""
    deliver(attempts.settings.landing / "trades", sorted(trade_files.options.out.iterdir()))
    return attempts.accept("first")


def run_warm(attempts: Attempts, plan: Plan, *stages: str) -> None:
    """Stages as clients of the server, each with the next epoch."""
    for stage in stages:
        if stage == "commit":
            attempts.stage(plan)
        epoch = attempts.take_epoch()
        job = attempts.start(plan, stage, epoch)
        assert job.wait(PATIENCE) == 0, job.last_words()
        assert has_result(plan.folder, stage, epoch)
        if stage == "commit":
            attempts.record_commit(plan, epoch)


def stop_at(attempts: Attempts, warm: WarmSpark, plan: Plan, point: str) -> tuple[Job, int]:
    """A commit whose client stands at a failpoint, and its epoch."""
    epoch = attempts.take_epoch()
    job = attempts.start(plan, "commit", epoch, failpoint=f"{point}:stop")
    wait_until(lambda: any(map(is_stopped, warm.clients())), job)
    return job, epoch


def check_end(attempts: Attempts, plan: Plan, truth: Truth) -> None:
    (release,) = attempts.publish()
    assert release["batch_id"] == plan.batch_id
    assert attempts.everything()["silver"] == truth.content_hash
    assert attempts.violations() == []


def test_a_batch_whose_client_is_killed_at_any_time_ends_as_if_undisturbed(
    attempts: Attempts, warm: WarmSpark, plan: Plan, trade_files: Truth
) -> None:
    for stage in BUILD[:-1]:
        victim = attempts.start(plan, stage, attempts.take_epoch())
        wait_until(warm.clients, victim)
        victim.kill()
        run_warm(attempts, plan, stage)
    attempts.stage(plan)
    for point in ("before silver.trades", "after silver.trades"):
        victim, _ = stop_at(attempts, warm, plan, point)
        victim.kill()
        victim.wait()
        wait_for_no_client(warm)
    run_warm(attempts, plan, "commit")
    assert list(warm.settings.locks.glob("*.sessions")) == []
    check_end(attempts, plan, trade_files)


def wait_for_no_client(warm: WarmSpark) -> None:
    _, alive = psutil.wait_procs(warm.clients(), timeout=5)
    assert alive == []


def test_a_client_that_wakes_after_its_successor_has_committed_is_fenced(
    attempts: Attempts, warm: WarmSpark, plan: Plan, trade_files: Truth
) -> None:
    """Its lock is not shared with the successor, as on another host."""
    run_warm(attempts, plan, *BUILD[:-1])
    attempts.stage(plan)
    sleeper, old = stop_at(attempts, warm, plan, "before silver.trades")
    (client,) = warm.clients()
    (warm.settings.locks / "trades.lock").unlink()
    attempts.run(plan, "commit")
    before = attempts.everything()
    client.send_signal(signal.SIGCONT)
    assert sleeper.wait(PATIENCE) != 0
    assert isinstance(read_failure(plan.folder, "commit", old), FencedError), sleeper.last_words()
    assert latest_result(plan.folder, "commit")["epoch"] > old
    assert attempts.everything() == before
    check_end(attempts, plan, trade_files)


def test_what_a_killed_client_left_running_is_ended_by_the_next_attempt(
    attempts: Attempts, warm: WarmSpark, plan: Plan
) -> None:
    victim = attempts.start(plan, "ingest_bronze", attempts.take_epoch())
    book = warm.settings.locks / "trades.sessions"
    wait_until(lambda: book.is_file() and book.read_text(), victim)
    victim.kill()
    left = book.read_text().strip()
    run_warm(attempts, plan, "ingest_bronze")
    with pytest.raises(PySparkException, match="SESSION_CLOSED"):
        connect(warm, left).range(1).collect()


def test_a_server_that_is_lost_fails_the_stage_and_the_retry_succeeds(
    attempts: Attempts, warm: WarmSpark, plan: Plan, trade_files: Truth
) -> None:
    run_warm(attempts, plan, *BUILD[:-1])
    attempts.stage(plan)
    victim, epoch = stop_at(attempts, warm, plan, "before silver.trades")
    warm.server.kill()
    warm.server.wait()
    (client,) = warm.clients()
    client.send_signal(signal.SIGCONT)
    warm.start_server()
    warm.wait()
    assert victim.wait(PATIENCE) != 0
    assert read_failure(plan.folder, "commit", epoch) is None  # so that Airflow tries again
    assert "Traceback" not in victim.last_words()
    run_warm(attempts, plan, "commit")
    check_end(attempts, plan, trade_files)


def test_a_client_without_the_token_is_refused(
    warm: WarmSpark, monkeypatch: pytest.MonkeyPatch
) -> None:
    for token in ("", ";token=guess"):
        monkeypatch.delenv(TOKEN, raising=False)
        with pytest.raises(PySparkException, match="token"):
            RemoteSession(f"{remote_of(warm.settings)}/{token}").range(1).collect()
    assert connect(warm, str(uuid4())).range(3).count() == 3


def connect(warm: WarmSpark, session_id: str) -> RemoteSession:
    token = load_credentials(warm.settings)["spark"]
    return RemoteSession(f"{remote_of(warm.settings)}/;session_id={session_id};token={token}")

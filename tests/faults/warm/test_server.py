"""A warm Spark whose server is lost, starts anew, serves two pipelines, or has a full disk."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from pyspark.errors import PySparkException

from assay.batch.plan import Plan
from assay.batch.results import has_result, read_failure
from assay.contracts.load import load_contract
from assay.generate.truth import Truth
from assay.spark_runtime.server import PROGRAM
from builders.attempts import BEFORE_COMMIT, BUILD, PATIENCE, Attempts, wait_until
from builders.deliveries import deliver, make_set
from builders.small_disk import SmallDisk, small_disk
from builders.warm_attempts import check_end, run_warm, stop_at
from builders.warm_spark import WarmSpark, connect
from spark_jobs.gates.expectations import GateFrame, open_context, run_gate

pytestmark = [pytest.mark.e2e, pytest.mark.long]


@pytest.fixture
def returns(attempts: Attempts, warm: WarmSpark, tmp_path: Path) -> Iterator[Attempts]:
    """A second pipeline on the same server, with a batch's files delivered."""
    second = Attempts(warm.settings, attempts.uri, attempts.spark, pipeline="product_returns")
    made = make_set(tmp_path, "product_returns", files=2, rows=60, seed=4)
    deliver(warm.settings.landing / "product_returns", sorted(made.options.out.iterdir()))
    yield second
    second.end_all()


def test_a_batch_whose_server_is_killed_in_each_stage_ends_as_if_undisturbed(
    attempts: Attempts, warm: WarmSpark, plan: Plan, trade_files: Truth
) -> None:
    """In one stage the client is killed with it."""
    book = warm.settings.locks / "trades.sessions"
    for stage in BEFORE_COMMIT:
        epoch = attempts.take_epoch()
        victim = attempts.start(plan, stage, epoch)
        wait_until(lambda: book.is_file() and book.read_text(), victim)
        warm.kill_server()
        if stage == "build_silver":
            victim.kill()
        # A client that had asked for nothing yet goes on with the new server.
        if victim.wait(PATIENCE) != 0:
            assert not has_result(plan.folder, stage, epoch)
            run_warm(attempts, plan, stage)
    attempts.stage(plan)
    victim, epoch = stop_at(attempts, warm, plan, "before silver.trades")
    (client,) = warm.clients()
    warm.kill_server()
    client.send_signal(signal.SIGCONT)
    assert victim.wait(PATIENCE) != 0
    assert read_failure(plan.folder, "commit", epoch) is None  # so that Airflow tries again
    assert "Traceback" not in victim.last_words()
    run_warm(attempts, plan, "commit")
    check_end(attempts, plan, trade_files)


def test_what_one_session_has_compiled_the_next_one_finds(warm: WarmSpark) -> None:
    compiled, code = [], "org.apache.spark.sql.catalyst.expressions.codegen.CodeGenerator"
    for _ in range(3):
        spark = connect(warm, str(uuid4()))
        spark.sql(
            "SELECT id % 7 AS day, sum(id) FROM range(1000) GROUP BY day ORDER BY day"
        ).collect()
        (told,) = spark.sql(f"SELECT java_method('{code}', 'compileTime')").collect()
        compiled.append(int(told[0]))
        spark.stop()
    assert compiled[0] > 0
    assert compiled[2] == compiled[1], "nanoseconds of compiling since the server has started"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("killed", ["the JVM", "its program"])
def test_a_server_ends_as_a_whole(warm: WarmSpark, killed: str, number: signal.Signals) -> None:
    warm.wait()
    whole = psutil.Process(warm.server.pid)
    living = (each for each in whole.children() if each.status() != psutil.STATUS_ZOMBIE)
    (program,) = (each for each in living if PROGRAM in each.cmdline())
    (whole if killed == "the JVM" else program).send_signal(number)
    warm.server.wait(PATIENCE)
    _, left = psutil.wait_procs([program], timeout=PATIENCE)
    warm.start_server()
    assert not left


def test_a_gate_whose_server_is_lost_gives_no_verdict(warm: WarmSpark) -> None:
    """Great Expectations takes any error for a failed expectation, which nobody tries again."""
    session = connect(warm, str(uuid4()))
    rows = session.range(3).selectExpr("cast(id AS string) AS trade_id")
    assert rows.count() == 3
    silver = load_contract("silver", "trades")
    (asked,) = (e for e in silver.expectations if e.name == "every trade has an identifier")
    warm.kill_server()
    with pytest.raises(PySparkException):
        run_gate(
            open_context(),
            replace(silver, expectations=(asked,)),
            [GateFrame("rows", rows, ("trade_id",))],
        )


def test_a_server_with_too_much_memory_starts_anew_between_two_jobs(
    attempts: Attempts, returns: Attempts, warm: WarmSpark, plan: Plan, trade_files: Truth
) -> None:
    """The job at work ends undisturbed, and the one that comes waits for the new server."""
    run_warm(attempts, plan, *BUILD[:-1])
    attempts.stage(plan)
    other = returns.accept("other")
    with warm.supervised_server():
        warm.restart_host(restart_at="64m")
        worker, epoch = stop_at(attempts, warm, plan, "before silver.trades")
        (client,) = warm.clients()
        before = warm.server.pid
        waiting = returns.start(other, "ingest_bronze", returns.take_epoch())
        time.sleep(2)
        assert (warm.server.pid, len(warm.clients()), waiting.poll()) == (before, 1, None)
        client.send_signal(signal.SIGCONT)
        assert worker.wait(PATIENCE) == 0, worker.last_words()
        assert waiting.wait(PATIENCE) == 0, waiting.last_words()
        assert warm.server.pid != before
    warm.restart_host()
    attempts.record_commit(plan, epoch)
    check_end(attempts, plan, trade_files)


def test_two_pipelines_work_at_once_and_a_server_lost_under_both_costs_each_a_try(
    attempts: Attempts, returns: Attempts, warm: WarmSpark, plan: Plan, trade_files: Truth
) -> None:
    batches = ((attempts, plan), (returns, returns.accept("other")))
    for stage in BUILD:
        if stage == "commit":
            for each, batch in batches:
                each.stage(batch)
        started = [(each, batch, each.take_epoch()) for each, batch in batches]
        jobs = [each.start(batch, stage, epoch) for each, batch, epoch in started]
        wait_until(lambda: len(warm.clients()) == len(batches), jobs[0])
        if stage == "build_silver":
            wait_until(lambda: len([*warm.settings.locks.glob("*.sessions")]) == 2, jobs[0])
            warm.kill_server()
        for job, (each, batch, epoch) in zip(jobs, started, strict=True):
            # A client that had asked for nothing yet goes on with the new server.
            if job.wait(PATIENCE) != 0:
                assert stage == "build_silver", job.last_words()
                run_warm(each, batch, stage)
            elif stage == "commit":
                each.record_commit(batch, epoch)
    returns.publish()
    check_end(attempts, plan, trade_files)


@pytest.fixture
def disk(attempts: Attempts) -> Iterator[SmallDisk]:
    with small_disk(attempts.settings.home / "lake", 64) as mounted:
        yield mounted


def test_a_full_disk_fails_the_stage_with_the_servers_error_and_the_retry_succeeds(
    disk: SmallDisk, attempts: Attempts, warm: WarmSpark, plan: Plan, trade_files: Truth
) -> None:
    for stage in BUILD:
        if stage == "commit":
            attempts.stage(plan)
        if stage in ("ingest_bronze", "commit"):  # these write into the lake
            disk.fill()
            failed = attempts.start(plan, stage, attempts.take_epoch())
            assert failed.wait(PATIENCE) != 0
            assert "No space left on device" in failed.last_words()
            assert "\tat org.apache" not in failed.last_words()
            disk.free()
        run_warm(attempts, plan, stage)
    check_end(attempts, plan, trade_files)

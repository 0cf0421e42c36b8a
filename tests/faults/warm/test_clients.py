"""Clients of a warm Spark that are killed, or stopped and wake late, or have no token."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from deltalake import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql.connect.session import SparkSession as RemoteSession

from assay.batch.plan import Plan
from assay.batch.results import latest_result, read_failure
from assay.errors import FencedError
from assay.generate.truth import Truth
from assay.spark_runtime.server import TOKEN, access, clients_socket, remote_of, run_in_host
from builders.attempts import BEFORE_COMMIT, BUILD, PATIENCE, Attempts, wait_until
from builders.deliveries import deliver, make_set
from builders.warm_attempts import check_end, run_warm, stop_at
from builders.warm_spark import WarmSpark, connect

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_a_batch_whose_client_is_killed_at_any_time_ends_as_if_undisturbed(
    attempts: Attempts, warm: WarmSpark, plan: Plan, trade_files: Truth
) -> None:
    for stage in BEFORE_COMMIT:
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
    attempts: Attempts, warm: WarmSpark, trade_files: Truth, tmp_path: Path
) -> None:
    """In each way of writing: the first batch fills silver, the next brings updates, and the last
    one new rows alone. The lock is not shared with the successor, as on another host."""
    files = sorted(trade_files.options.out.iterdir())
    defects = dict.fromkeys(("defects", "duplicates", "updates", "late"), 0.0)
    new = make_set(tmp_path, files=1, rows=50, seed=99, **defects)
    for number, delivered in enumerate((files[:2], files[2:], new.options.out.iterdir())):
        deliver(attempts.settings.landing / "trades", delivered)
        plan = attempts.accept(f"batch {number}")
        attempts.run(plan, *BUILD[:-1])
        attempts.stage(plan)
        sleeper, old = stop_at(attempts, warm, plan, "before silver.trades")
        (client,) = warm.clients()
        (warm.settings.locks / "trades.lock").unlink()
        attempts.run(plan, "commit")
        before = attempts.everything()
        client.send_signal(signal.SIGCONT)
        assert sleeper.wait(PATIENCE) != 0
        failure = read_failure(plan.folder, "commit", old)
        assert isinstance(failure, FencedError), sleeper.last_words()
        assert latest_result(plan.folder, "commit")["epoch"] > old
        assert attempts.everything() == before
        attempts.publish()
    history = DeltaTable(plan.table("silver", "trades")).history()
    assert [each["operation"] for each in history[:2]] == ["WRITE", "MERGE"]
    assert attempts.violations() == []


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


def test_a_session_is_given_back(warm: WarmSpark, tmp_path: Path) -> None:
    program, told = tmp_path / "work.py", tmp_path / "told"
    program.write_text(
        "from pathlib import Path\n"
        "from spark_jobs.lakehouse.session import session\n"
        "with session('a test') as spark:\n"
        f"    Path({str(told)!r}).write_text(spark.session_id)\n"
    )
    environment = {**access(warm.settings), "ASSAY_SPARK_LOCK": str(tmp_path / "a.lock")}
    assert run_in_host(warm.settings, [str(program)], environment) == 0
    assert list(tmp_path.glob("*.sessions")) == []
    with pytest.raises(PySparkException, match="SESSION_CLOSED"):
        connect(warm, told.read_text()).range(1).collect()


def test_a_request_that_comes_in_pieces_is_read_whole(warm: WarmSpark, tmp_path: Path) -> None:
    program = tmp_path / "look.py"
    program.write_text("import os, sys; sys.exit(len(os.environ['LONG']) - 400_000)")
    assert run_in_host(warm.settings, [str(program)], {"LONG": "x" * 400_000}) == 0


def test_a_client_without_the_token_is_refused(
    warm: WarmSpark, monkeypatch: pytest.MonkeyPatch
) -> None:
    for token in ("", ";token=guess"):
        monkeypatch.delenv(TOKEN, raising=False)
        with pytest.raises(PySparkException, match="token"):
            RemoteSession(f"{remote_of(warm.settings)}/{token}").range(1).collect()
    assert connect(warm, str(uuid4())).range(3).count() == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_the_machine_can_reach_neither_token_nor_host(warm: WarmSpark) -> None:
    """The folders of the home do not stand in the way here; the modes of both files do."""
    settings = warm.settings
    for path in (settings.secrets, clients_socket(settings)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (settings.home, settings.home / "run"):
        folder.chmod(0o755)
    tries = f"""
import os, pwd, socket
nobody = pwd.getpwnam("nobody")
os.setgroups([])
os.setgid(nobody.pw_gid)
os.setuid(nobody.pw_uid)  # here, since the interpreter may lie where nobody can enter
for attempt in (
    lambda: open({str(settings.secrets)!r}),
    lambda: socket.socket(socket.AF_UNIX).connect({str(clients_socket(settings))!r}),
    lambda: open("/proc/{warm.server.pid}/environ").read(),
):
    try:
        attempt()
    except PermissionError:
        print("refused")
"""
    command = [sys.executable, "-I", "-c", tries]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["refused"] * 3, done.stderr

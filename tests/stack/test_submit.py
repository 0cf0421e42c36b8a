"""One Spark job at a time: the JVM itself holds the lock, and dies with the task."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from assay.home.paths import without_secrets
from assay.settings import Settings
from assay.spark_runtime.launch import launch
from assay.spark_runtime.submit import LOCK_IS_BUSY, hold_lock

SLEEP = "import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\ntime.sleep(120)\n"
HOLD_AND_START_HELPER = """
import subprocess, sys, time
from pathlib import Path
from assay.spark_runtime.submit import hold_lock
hold_lock(Path(sys.argv[1]), "a job", 0)
print(subprocess.Popen(["sleep", "120"], close_fds=False).pid, flush=True)
time.sleep(120)
"""


class Jobs:
    """Starts jobs that sleep, under one lock; ends what is left of them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.folder = folder
        classic = dataclasses.replace(settings, spark_master="local[*]")
        self.launch = launch(classic, lock="trades", holder="batch 7 build_silver epoch 3")
        self.lock = Path(self.launch.environment["ASSAY_SPARK_LOCK"])
        self.started: list[subprocess.Popen[str]] = []
        (folder / "sleep.py").write_text(SLEEP)

    def command(self, name: str) -> list[str]:
        return [self.launch.program, str(self.folder / "sleep.py"), str(self.folder / name)]

    def environment(self, **extra: str) -> dict[str, str]:
        return {**os.environ, **self.launch.environment, "ASSAY_SPARK_LOCK_WAIT": "1", **extra}

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command, env=self.environment(), stderr=subprocess.PIPE, text=True
        )
        self.started.append(process)
        return process

    def holder(self) -> int:
        return int(self.lock.read_text().split()[1])


@pytest.fixture
def jobs(spark_settings: Settings, tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(spark_settings, tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_second_job_is_refused_until_the_jvm_of_the_first_is_dead(jobs: Jobs) -> None:
    first = jobs.start(jobs.command("first"))
    wait_for((jobs.folder / "first").exists)
    assert "java" in psutil.Process(jobs.holder()).name()

    refused = jobs.start(jobs.command("second"))
    _, errors = refused.communicate(timeout=30)
    assert refused.returncode == LOCK_IS_BUSY
    assert f"held by pid {first.pid} (batch 7 build_silver epoch 3)" in errors
    assert not (jobs.folder / "second").exists()

    os.kill(jobs.holder(), signal.SIGKILL)
    first.wait(timeout=30)
    jobs.start(jobs.command("third"))
    wait_for((jobs.folder / "third").exists)


def test_a_helper_that_outlives_the_job_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "trades.lock"
    job = subprocess.Popen(
        [sys.executable, "-c", HOLD_AND_START_HELPER, str(lock)], stdout=subprocess.PIPE, text=True
    )
    assert job.stdout
    helper = psutil.Process(int(job.stdout.readline()))
    try:
        with pytest.raises(SystemExit):
            hold_lock(lock, "too early", 0)
        job.kill()
        job.wait()
        os.close(hold_lock(lock, "the next job", 0))
        assert any(file.path == str(lock) for file in helper.open_files())
    finally:
        job.kill()
        helper.kill()


def test_the_jvm_dies_with_the_process_that_started_it(jobs: Jobs) -> None:
    code = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    task = jobs.start([sys.executable, "-c", code, *jobs.command("job")])
    wait_for((jobs.folder / "job").exists)
    jvm = psutil.Process(jobs.holder())
    task.kill()
    wait_for(lambda: not jvm.is_running() or jvm.status() == psutil.STATUS_ZOMBIE)


def test_the_job_is_told_no_secret(jobs: Jobs) -> None:
    report = jobs.folder / "environ.json"
    script = jobs.folder / "report.py"
    script.write_text(f"import json, os\njson.dump(dict(os.environ), open({str(report)!r}, 'w'))\n")
    secrets = {
        "AIRFLOW__CORE__FERNET_KEY": "canary",
        "AIRFLOW_CONN_ASSAY_POSTGRES": "canary",
        "ASSAY_POSTGRES_PASSWORD": "canary",  # pragma: allowlist secret
        "PGPASSWORD": "canary",  # pragma: allowlist secret
    }
    subprocess.run([jobs.launch.program, script], env=jobs.environment(**secrets), check=True)
    seen = json.loads(report.read_text())
    assert "canary" not in seen.values()
    assert seen["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_other_variables_are_kept() -> None:
    kept = {"ASSAY_HOME": "/x", "PATH": "/bin", "AWS_PROFILE": "y"}
    assert without_secrets({**kept, "PGHOST": "h"}) == kept

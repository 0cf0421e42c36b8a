"""Attempts of stages as real processes, on a lake and a ledger of the test's own.

Victims are started as the operator starts them; their successors run in the test's own session,
which saves a JVM each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from pyspark.sql import SparkSession

from assay import ledger
from assay.batch.plan import Plan, read_plan
from assay.batch.results import write_result
from assay.bench.commands import PROGRAMS
from assay.bench.gates import pass_gates
from assay.home.paths import child_environment
from assay.intake.accept import accept_files
from assay.publish import publish_pending, stage_batch
from assay.publish.readiness import prepare_stage
from assay.settings import JOB_PROGRAMS, Settings
from assay.spark_runtime.launch import launch
from assay.verify import audit
from builders.accepting import run_of
from builders.content import everything
from builders.ledger_rows import commit
from spark_jobs.chain import STAGES

PUBLISH = Path(__file__).with_name("publish_process.py")
ROLLBACK = Path(__file__).with_name("rollback_process.py")
BUILD = ("ingest_bronze", "build_silver", "build_gold", "commit")
BEFORE_COMMIT = tuple(stage for stage in STAGES if stage != "commit")  # with all gates
PIPELINE = "trades"
PATIENCE = 300.0


@dataclass
class Attempts:
    """A pipeline without Airflow: its home, its ledger, and every process that was started."""

    settings: Settings
    uri: str
    spark: SparkSession
    started: list[Job] = field(default_factory=list)
    pipeline: str = PIPELINE

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.uri, autocommit=True)

    def accept(self, name: str, **params: Any) -> Plan:
        """The plan of a batch: of everything that is pending, unless the params say otherwise."""
        run = run_of(name, pipeline=self.pipeline, **params)
        return accept_files(self.settings, self.connect, run)

    def take_epoch(self) -> int:
        with self.connect() as connection:
            return ledger.take_epoch(connection, self.pipeline, "a test")

    def run(self, plan: Plan, *stages: str) -> dict[str, Any]:
        """Stages as undisturbed attempts, each with the next epoch; the result of the last."""
        result: dict[str, Any] = {}
        for stage in stages:
            if stage == "commit":
                self.stage(plan)
            epoch = self.take_epoch()
            with self.connect() as connection:
                prepare_stage(connection, plan, stage)
            result = STAGES[stage](self.spark, plan, epoch).as_facts()
            write_result(plan.folder, stage, epoch, result)
            if stage == "commit":
                self.record_commit(plan, epoch)
        return result

    def stage(self, plan: Plan) -> None:
        """What comes before a commit: every gate, passed without a look, and the staging."""
        with self.connect() as connection:
            pass_gates(connection, plan, self.take_epoch())
        stage_batch(self.connect, self.uri, plan, self.take_epoch())

    def record_commit(self, plan: Plan, epoch: int) -> None:
        with self.connect() as connection:
            commit(connection, plan.batch_id, epoch)

    def publish(self) -> list[ledger.Release]:
        batches = self.settings.batches
        return publish_pending(
            self.connect,
            self.uri,
            self.pipeline,
            self.take_epoch(),
            lambda batch_id: read_plan(batches / batch_id / "plan.json"),
        )

    def start(
        self, plan: Plan, stage: str, epoch: int, *, failpoint: str = "", lock: str = ""
    ) -> Job:
        """One attempt of a Spark stage as the operator starts it; its pid is that of the JVM."""
        program = [
            str(JOB_PROGRAMS / "run_stage.py"),
            stage,
            f"{plan.folder}/plan.json",
            str(epoch),
        ]
        holder = f"{plan.batch_id} {stage} epoch {epoch}"
        log = f"{self.pipeline}.{stage}.{epoch}"
        return self._submit(program, log, holder, failpoint, lock or self.pipeline)

    def start_chain(self, plan: Plan, *, failpoint: str) -> Job:
        """All stages in one application, each with an epoch of its own."""
        for _ in STAGES:
            self.take_epoch()
        program = [str(PROGRAMS / "run_stages.py"), f"{plan.folder}/plan.json"]
        return self._submit(program, "chain", plan.batch_id, failpoint, PIPELINE)

    def _submit(self, program: list[str], log: str, holder: str, failpoint: str, lock: str) -> Job:
        job = launch(self.settings, lock=lock, holder=holder)
        command = [job.program, "--master", "local[2]", "--name", log]
        command += ["--driver-memory", job.driver_memory]
        for name, value in job.conf.items():
            command += ["--conf", f"{name}={value}"]
        environment = {**job.environment, **_arm(failpoint), "ASSAY_SPARK_LOCK_WAIT": "1"}
        return self._spawn([*command, *program], environment, log)

    def start_publish(self, epoch: int, *, failpoint: str) -> Job:
        command = [sys.executable, str(PUBLISH), self.pipeline, str(epoch)]
        command += [str(self.settings.batches), self.uri]
        return self._spawn(command, _arm(failpoint), f"publish.{epoch}")

    def start_rollback(self, request: str, *, failpoint: str) -> Job:
        epoch = self.take_epoch()
        command = [sys.executable, str(ROLLBACK), self.uri, self.pipeline, str(epoch), request]
        environment = {**_arm(failpoint), "ASSAY_HOME": str(self.settings.home)}
        return self._spawn(command, environment, f"rollback.{epoch}")

    def _spawn(self, command: list[str], environment: dict[str, str], name: str) -> Job:
        log = self.settings.logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = Job(
                command,
                env=child_environment(environment),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        process.log = log
        self.started.append(process)
        return process

    def log(self, stage: str, epoch: int) -> str:
        return (self.settings.logs / f"{self.pipeline}.{stage}.{epoch}.log").read_text(
            errors="replace"
        )

    def everything(self) -> dict[str, Any]:
        with self.connect() as connection:
            return everything(self.settings.lake, connection)

    def violations(self) -> list[str]:
        """What the auditor finds; these batches were not sent through the gates."""
        checks = audit(self.settings, self.uri)
        return [str(v) for check in checks if check.invariant != "I11" for v in check.violations]

    def end_all(self) -> None:
        """End what a failed test has left."""
        for process in self.started:
            with suppress(psutil.Error):
                for part in [*psutil.Process(process.pid).children(recursive=True)]:
                    part.kill()
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)


def _arm(failpoint: str) -> dict[str, str]:
    return {"ASSAY_FAILPOINT": failpoint, "ASSAY_FAILPOINTS_ALLOWED": "1"} if failpoint else {}


class Job(subprocess.Popen[bytes]):
    """A started process, and where it logs."""

    log: Path | None = None

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log else ""


def wait_until(condition: Callable[[], object], process: Job) -> None:
    """Wait for a condition that holds while the process lives."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.last_words()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_stopped(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:  # the launcher's own short-lived children
        return False


def wait_for_stop(process: Job) -> psutil.Process:
    """Wait until the Python side of a job has stopped at its failpoint, and return it."""
    stopped: list[psutil.Process] = []

    def has_stopped() -> bool:
        stopped.extend(filter(is_stopped, psutil.Process(process.pid).children()))
        return bool(stopped)

    wait_until(has_stopped, process)
    return stopped[0]


def kill_jvm(process: Job) -> None:
    """SIGKILL the JVM, and nothing else; its Python side must be gone soon after."""
    sides = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    _, alive = psutil.wait_procs(sides, timeout=60)
    assert alive == []
